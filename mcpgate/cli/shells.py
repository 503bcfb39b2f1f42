"""What shells complete: one script for each of bash, zsh and fish, made from the verbs (pure).

Click has completions, too: they start the command at each press of the key, which takes the better part of
a second. All that there is to complete is known beforehand, so these scripts start nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcpgate.cli.tree import OF_ALL, Argument, Option, Verb

MADE = "# Made from the verbs by mcpgate completion; do not edit."
HELP = "Show this message and exit."


def script(shell: str, root: Verb) -> str:
    """The completions for a shell: C{bash}, C{zsh} or C{fish}."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](root)


#: The shells, each with the name of the file that it looks for.
FILES = {"bash": "mcpgate", "zsh": "_mcpgate", "fish": "mcpgate.fish"}


def _typed(verb: Verb) -> str:
    return " ".join(verb.path)


# bash(1), Programmable Completion.

_BASH = r"""{made}
_mcpgate() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} verb=mcpgate words= files= i
    # --format=json is three words to bash.
    if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$verb ${{COMP_WORDS[i]}}" in
            {verbs}) verb+=" ${{COMP_WORDS[i]}}" ;;
        esac
    done
    COMPREPLY=()
    case "$verb $before" in
{values}
        *)
            case "$verb" in
{rest}
            esac
            ;;
    esac
    if [[ $files ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen "$files" -- "$word")
    fi
    mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -W "$words" -- "$word")
}}
complete -F _mcpgate mcpgate
"""


def _bash(root: Verb) -> str:
    every = list(root.all())
    values = [_bash_case(verb, option) for verb in every for option in verb.options if option.value]
    rest = [f"                {_quoted(_typed(verb))}) {_bash_rest(verb)} ;;" for verb in every]
    verbs = "|".join(_quoted(_typed(verb)) for verb in every if verb is not root)
    return _BASH.format(made=MADE, verbs=verbs, values="\n".join(values), rest="\n".join(rest))


def _bash_case(verb: Verb, option: Option) -> str:
    cases = "|".join(_quoted(f"{_typed(verb)} {name}") for name in option.names)
    return f"        {cases}) {_bash_value(option)} ;;"


def _bash_value(option: Option | Argument) -> str:
    if option.choices:
        return f"words={_quoted(' '.join(option.choices))}"
    return "files=-f" if option.files else "files=-d" if option.directories else ":"


def _bash_rest(verb: Verb) -> str:
    options = [*(name for option in verb.options for name in option.names), *OF_ALL]
    choices = [choice for argument in verb.arguments for choice in argument.choices]
    shown = " ".join((*(one.name for one in verb.verbs), *choices, *options))
    steps = [f"words={_quoted(shown)}"]
    for argument in verb.arguments:
        if argument.files or argument.directories:
            steps.append(f"[[ $word == -* ]] || {_bash_value(argument)}")
    return "; ".join(steps)


def _quoted(text: str) -> str:
    """A word for a shell, whatever is in it."""
    return "'" + text.replace("'", "'\\''") + "'"


# zshcompsys(1).


def _zsh(root: Verb) -> str:
    functions = "\n".join(_zsh_function(verb) for verb in root.all())
    # Loaded by compinit, the file is the function; read by hand, it has to say for what it is.
    loaded = "[[ $zsh_eval_context[-1] == loadautofunc ]]"
    end = f'if {loaded}; then _mcpgate "$@"; else compdef _mcpgate mcpgate; fi'
    return f"#compdef mcpgate\n{MADE}\n{functions}\n{end}\n"


def _zsh_name(verb: Verb) -> str:
    return "_" + "-".join(verb.path)


def _zsh_function(verb: Verb) -> str:
    words = [word for option in verb.options for word in _zsh_option(option)]
    words.append(f"'(- *)'{{{','.join(OF_ALL)}}}{_quoted(f'[{HELP}]')}")
    if not verb.verbs:
        words += (_quoted(_zsh_argument(place, one)) for place, one in enumerate(verb.arguments, 1))
        arguments = " \\\n        ".join(words)
        return f"{_zsh_name(verb)}() {{\n    _arguments \\\n        {arguments}\n}}\n"
    words += ["'1:verb:->verb'", "'*::argument:->rest'"]
    arguments = " \\\n        ".join(words)
    described = "\n".join(
        f"                {_quoted(one.name + ':' + _zsh_text(one.brief))}" for one in verb.verbs
    )
    cases = "\n".join(f"                {one.name}) {_zsh_name(one)} ;;" for one in verb.verbs)
    return f"""\
{_zsh_name(verb)}() {{
    local curcontext=$curcontext state line
    typeset -A opt_args
    _arguments -C \\
        {arguments}
    case $state in
        verb)
            local -a verbs
            verbs=(
{described}
            )
            _describe -t verbs verb verbs
            ;;
        rest)
            case $line[1] in
{cases}
            esac
            ;;
    esac
}}
"""


def _zsh_option(option: Option) -> Iterator[str]:
    told = "[" + _zsh_text(option.help) + "]"
    others = "" if option.multiple else f"({' '.join(option.names)})"
    value = f":{_zsh_text(option.value)}:{_zsh_value(option)}" if option.value else ""
    for name in option.names:
        # Long ones take their value behind = as well.
        joined = "=" if value and name.startswith("--") else ""
        yield _quoted(f"{'*' if option.multiple else others}{name}{joined}{told}{value}")


def _zsh_argument(place: int, argument: Argument) -> str:
    where = "*" if "..." in argument.value else str(place)
    optional = ":" if argument.value.startswith("[") and where != "*" else ""
    return f"{where}:{optional}{_zsh_text(argument.value)}:{_zsh_value(argument)}"


def _zsh_value(taken: Option | Argument) -> str:
    if taken.choices:
        return f"({' '.join(taken.choices)})"
    return "_files" if taken.files else "_files -/" if taken.directories else " "


def _zsh_text(text: str) -> str:
    for character in "\\:[]":
        text = text.replace(character, f"\\{character}")
    return text


# fish: complete(1).

_FISH = """{made}
function __mcpgate_verb
    set -l verb mcpgate
    set -l typed (commandline -opc)
    for word in $typed[2..]
        if contains -- "$verb $word" {verbs}
            set verb "$verb $word"
        end
    end
    echo $verb
end

function __mcpgate_at
    test (__mcpgate_verb) = "$argv"
end

complete -c mcpgate -f
complete -c mcpgate -s h -l help -d {help}
{rest}
"""


def _fish(root: Verb) -> str:
    every = list(root.all())
    verbs = " ".join(_of_fish(_typed(verb)) for verb in every if verb is not root)
    rest = "\n".join(line for verb in every for line in _fish_lines(verb))
    return _FISH.format(made=MADE, verbs=verbs, help=_of_fish(HELP), rest=rest)


def _fish_lines(verb: Verb) -> Iterator[str]:
    at = f"complete -c mcpgate -n {_of_fish('__mcpgate_at ' + _typed(verb))}"
    for one in verb.verbs:
        yield f"{at} -a {_of_fish(one.name)} -d {_of_fish(one.brief)}"
    for option in verb.options:
        names = (f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
        value = _fish_value(option) if option.value else ""
        yield f"{at} {' '.join(names)} -d {_of_fish(option.help)}{value}"
    for argument in verb.arguments:
        if argument.choices or argument.files or argument.directories:
            yield at + _fish_value(argument).replace(" -x", "").replace(" -r", "")


def _fish_value(taken: Option | Argument) -> str:
    if taken.choices:
        return f" -x -a {_of_fish(' '.join(taken.choices))}"
    if taken.directories:
        return " -x -a '(__fish_complete_directories)'"
    return " -r -F" if taken.files else " -x"


def _of_fish(text: str) -> str:
    """A word for fish, where a backslash counts between quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
