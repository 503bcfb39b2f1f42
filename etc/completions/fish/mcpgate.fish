# Made from the verbs by mcpgate completion; do not edit.
function __mcpgate_verb
    set -l verb mcpgate
    set -l typed (commandline -opc)
    for word in $typed[2..]
        if contains -- "$verb $word" 'mcpgate demo' 'mcpgate init' 'mcpgate check' 'mcpgate probe' 'mcpgate run' 'mcpgate status' 'mcpgate dashboard' 'mcpgate token' 'mcpgate token issue' 'mcpgate token list' 'mcpgate token readmit' 'mcpgate token revoke' 'mcpgate session' 'mcpgate session keys' 'mcpgate session rotate' 'mcpgate policy' 'mcpgate policy accept' 'mcpgate policy approve' 'mcpgate policy definitions' 'mcpgate policy deny' 'mcpgate policy explain' 'mcpgate policy held' 'mcpgate policy replay' 'mcpgate policy test' 'mcpgate evidence' 'mcpgate evidence show' 'mcpgate evidence follow' 'mcpgate evidence verify' 'mcpgate evidence report' 'mcpgate evidence export' 'mcpgate evidence what-if' 'mcpgate evidence index' 'mcpgate evidence key' 'mcpgate evidence auditor' 'mcpgate evidence auditor new' 'mcpgate explain' 'mcpgate completion'
            set verb "$verb $word"
        end
    end
    echo $verb
end

function __mcpgate_at
    test (__mcpgate_verb) = "$argv"
end

complete -c mcpgate -f
complete -c mcpgate -s h -l help -d 'Show this message and exit.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'demo' -d 'Show the whole encrypted path on this machine.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'init' -d 'Write a first configuration, a local CA and a certificate.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'check' -d 'Judge the configuration and all files that it names.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'probe' -d 'Show what a server negotiates, its chain and its pins.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'run' -d 'Run the gate, until SIGTERM or SIGINT.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'status' -d 'Show what the running gate does.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'dashboard' -d 'Make a one-time link to the dashboard.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'token' -d 'Issue, list and revoke bearer tokens for callers.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'session' -d 'Show and rotate the keys that seal session ids.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'policy' -d 'Try rules, and decide what they leave to people.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'evidence' -d 'Verify, show and report what is on record.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'explain' -d 'Explain a reason or a key of the configuration.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -a 'completion' -d 'Print what bash, zsh or fish complete.'
complete -c mcpgate -n '__mcpgate_at mcpgate' -l version -d 'Show the version and exit.'
complete -c mcpgate -n '__mcpgate_at mcpgate demo' -l state -d 'Keep journal, configuration and certificates in this empty directory.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate demo' -l keep -d 'Go on serving, and show how to connect a client.'
complete -c mcpgate -n '__mcpgate_at mcpgate init' -l upstream -d 'The MCP server behind the gate.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate init' -l trust -d 'Who vouches for it: the system\'s authorities, or those of a PEM file.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate init' -l host -d 'A further name or address of the gate; the first is the one in its URL.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate init' -l listen -d 'Where to listen; tcp:8443 is every address.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate init' -l dashboard -d 'Where the dashboard listens; none for no dashboard.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate init' -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate check' -s c -l config -d 'The configuration file.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate check' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate check' -l online -d 'Also shake hands with every upstream, and ask every issuer for its keys, as the gate would.'
complete -c mcpgate -n '__mcpgate_at mcpgate check' -l alerts -d 'With --online: also send a test to every [[alert]].'
complete -c mcpgate -n '__mcpgate_at mcpgate probe' -l address -d 'Where to dial, if not where the URL leads.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate probe' -l trust -d 'PEM file of CAs to believe, instead of the system\'s.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate probe' -l also-port -d 'Ask for clear text there too, beside the URL\'s port and port 80.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate probe' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate run' -s c -l config -d 'The configuration file.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate run' -l log-level -d 'What is logged at least.' -x -a 'debug info warn error critical'
complete -c mcpgate -n '__mcpgate_at mcpgate run' -l log-format -d 'By default text on a terminal, JSON elsewhere.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate run' -l log-file -d 'Instead of stdout; + is stderr.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate run' -l reactor -d 'Which of Twisted\'s reactors to run on.' -x -a 'default epoll poll select asyncio'
complete -c mcpgate -n '__mcpgate_at mcpgate status' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate status' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate status' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate status' -l ready -d 'For a health check: end with 69, and say why, unless it serves.'
complete -c mcpgate -n '__mcpgate_at mcpgate dashboard' -l viewer -d 'For somebody who may look, and decide nothing.'
complete -c mcpgate -n '__mcpgate_at mcpgate dashboard' -l open -d 'Open it in a browser, too.'
complete -c mcpgate -n '__mcpgate_at mcpgate dashboard' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate dashboard' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate dashboard' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate token' -a 'issue' -d 'Issue a token to NAME and print it, this once.'
complete -c mcpgate -n '__mcpgate_at mcpgate token' -a 'list' -d 'List what was issued or denied.'
complete -c mcpgate -n '__mcpgate_at mcpgate token' -a 'readmit' -d 'Take back that what another issuer has issued is refused.'
complete -c mcpgate -n '__mcpgate_at mcpgate token' -a 'revoke' -d 'Revoke one token by its id, or all of a name\'s.'
complete -c mcpgate -n '__mcpgate_at mcpgate token issue' -l lifetime -d 'How long it is good for, 30d at the most.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate token issue' -l group -d 'A group for rules to name (who = { group = ... }); may be given several times.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate token issue' -l route -d 'A route that it is good on, and no other.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate token issue' -l rule -d 'A rule that may allow it something, and no other.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate token issue' -l address -d 'Where its caller connects from: an address or a network.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate token issue' -l certificate -d 'The client certificate to be shown with it.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate token issue' -l scope -d 'What it may be used for, where a route or a rule demands that.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate token issue' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate token issue' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate token issue' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate token list' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate token list' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate token list' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate token readmit' -l issuer -d 'Which issuer, by its name in the configuration.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate token readmit' -l subject -d 'Somebody, as the issuer calls them.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate token readmit' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate token readmit' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate token revoke' -l issuer -d 'Which issuer, by its name in the configuration.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate token revoke' -l subject -d 'Somebody, as the issuer calls them.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate token revoke' -l for -d 'How long what others have issued is refused: as long as it could be good. [default: 366d for an id, 30d for a subject]' -x
complete -c mcpgate -n '__mcpgate_at mcpgate token revoke' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate token revoke' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate session' -a 'keys' -d 'List the keys by their ids.'
complete -c mcpgate -n '__mcpgate_at mcpgate session' -a 'rotate' -d 'Make a new key.'
complete -c mcpgate -n '__mcpgate_at mcpgate session keys' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate session keys' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate session keys' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate session rotate' -l now -d 'Forget all old keys at once: every session ends, and so does every granted token.'
complete -c mcpgate -n '__mcpgate_at mcpgate session rotate' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate session rotate' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate policy' -a 'accept' -d 'Accept what UPSTREAM has changed its TOOLs to.'
complete -c mcpgate -n '__mcpgate_at mcpgate policy' -a 'approve' -d 'Let the call that waits as HOLD be made.'
complete -c mcpgate -n '__mcpgate_at mcpgate policy' -a 'definitions' -d 'List the tools that upstreams have shown, and which of them have changed since.'
complete -c mcpgate -n '__mcpgate_at mcpgate policy' -a 'deny' -d 'Refuse the call that waits as HOLD.'
complete -c mcpgate -n '__mcpgate_at mcpgate policy' -a 'explain' -d 'Say which rule decides about a call, and why.'
complete -c mcpgate -n '__mcpgate_at mcpgate policy' -a 'held' -d 'List the calls that wait.'
complete -c mcpgate -n '__mcpgate_at mcpgate policy' -a 'replay' -d 'Say what rules would newly block, hold or allow of a journal.'
complete -c mcpgate -n '__mcpgate_at mcpgate policy' -a 'test' -d 'Try a policy on cases, for CI.'
complete -c mcpgate -n '__mcpgate_at mcpgate policy accept' -l all -d 'All tools of the upstream that have changed.'
complete -c mcpgate -n '__mcpgate_at mcpgate policy accept' -l fingerprint -d 'Accept this definition only, by the beginning of its fingerprint.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy accept' -l withdrawn -d 'The upstream took it back: forget what it changed to.'
complete -c mcpgate -n '__mcpgate_at mcpgate policy accept' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy accept' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate policy accept' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate policy approve' -l reason -d 'Why; for the record.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy approve' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy approve' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate policy approve' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate policy definitions' -l diff -d 'Show what has changed, member by member.'
complete -c mcpgate -n '__mcpgate_at mcpgate policy definitions' -l changed -d 'Only tools that have changed and are not accepted.'
complete -c mcpgate -n '__mcpgate_at mcpgate policy definitions' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy definitions' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate policy definitions' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate policy deny' -l reason -d 'Why; for the record, and told to the caller.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy deny' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy deny' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate policy deny' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l as -d 'Who calls: token:NAME, certificate:NAME or subject:NAME.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l issuer -d 'Who vouches for the caller.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l group -d 'A group that the caller is in; may be given several times.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l scope -d 'A scope of the caller\'s token; may be given several times.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l claim -d 'A claim of the caller\'s.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l address -d 'The address that the caller connects from.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l route -d 'The route\'s name.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l method -d 'The MCP method.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l name -d 'The tool, prompt or resource URI.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l arguments -d 'The arguments, as a JSON object or a file of it.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l inbound -d 'What the caller\'s leg negotiated: version=TLSv1.2.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l outbound -d 'What the upstream\'s leg negotiated: pinned=true.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l journal -d 'Where EXCHANGE is on record, if elsewhere.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -s c -l config -d 'The configuration file.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -s p -l policy -d 'A file of rules alone, such as one that a configuration includes, instead.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy explain' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate policy held' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy held' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate policy held' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate policy replay' -s c -l config -d 'The configuration file.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy replay' -s p -l policy -d 'A file of rules alone, such as one that a configuration includes, instead.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy replay' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate policy replay' -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy test' -s c -l config -d 'The configuration file.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy test' -s p -l policy -d 'A file of rules alone, such as one that a configuration includes, instead.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate policy test' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate policy test' -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence' -a 'show' -d 'List exchanges on record, or show one with both its handshakes.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence' -a 'follow' -d 'Show records as they are written, by all workers.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence' -a 'verify' -d 'Say whether a journal or a bundle is what the gate wrote.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence' -a 'report' -d 'Make a report for an auditor, and the signed bundle behind it.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence' -a 'export' -d 'Write records as JSON Lines, CSV or OCSF.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence' -a 'what-if' -d 'Say who would be refused under a stricter TLS floor.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence' -a 'index' -d 'Fill the searchable copy of the journal, or make it anew.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence' -a 'key' -d 'Show or rotate the key that signs checkpoints.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence' -a 'auditor' -d 'Make the key for recorded bodies.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l from -d 'From a date or time on, in UTC, or since so long ago (1h).' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l to -d 'Before that time.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l refused -d 'Only what was refused, handshakes too.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l principal -d 'Whose they are.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l route -d 'By which route they came.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l tool -d 'The tool, prompt or resource.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l session -d 'The session, or the handshake of the connection.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l trace -d 'The id of a trace, or of a span in it (W3C Trace Context).' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l reason -d 'Why something was refused or failed, such as policy.*' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l last -d 'How many.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l key -d 'The auditor\'s private key, to read recorded bodies.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l journal -d 'A journal\'s directory, or a bundle, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence show' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l from -d 'From a date or time on, in UTC, or since so long ago (1h).' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l to -d 'Before that time.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l refused -d 'Only what was refused, handshakes too.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l principal -d 'Whose they are.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l route -d 'By which route they came.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l tool -d 'The tool, prompt or resource.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l session -d 'The session, or the handshake of the connection.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l trace -d 'The id of a trace, or of a span in it (W3C Trace Context).' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l reason -d 'Why something was refused or failed, such as policy.*' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l whole -d 'Begin with what is there already.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l format -d 'A line of words for each record, or the line itself.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l journal -d 'A journal\'s directory, or a bundle, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence follow' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence verify' -l key -d 'A public key of the gate that was kept elsewhere; it leads to those that came after it.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence verify' -l checkpoints -d 'Copies of checkpoints: a directory, a file or a log. May be given several times.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence verify' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence verify' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence verify' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence verify' -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence report' -l from -d 'The beginning: a date (2026-11-01), a time (2026-11-01T09:30:00Z), or so long ago (7d). UTC.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence report' -l to -d 'Its end, likewise; a date is whole in it. [default: now]' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence report' -l profile -d 'Which framework\'s questions are answered.' -x -a 'pci-4.2.1 soc2-cc6.7 hipaa-164.312e nist-sc-8 iso-a8.24'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence report' -l out -d 'Where the bundle is written (FILE.zip), with the page beside it.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence report' -l key -d 'The gate\'s public key, as it was kept elsewhere; else the one beside the journal.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence report' -l checkpoints -d 'Where the checkpoints are, if the configuration does not say it.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence report' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence report' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence report' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence export' -l from -d 'The beginning: a date (2026-11-01), a time (2026-11-01T09:30:00Z), or so long ago (7d). UTC.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence export' -l to -d 'Its end, likewise; a date is whole in it. [default: now]' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence export' -l format -d 'Lines as they were written; a row for each exchange; or events of OCSF.' -x -a 'jsonl csv ocsf'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence export' -l principal -d 'Only exchanges of this caller.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence export' -l route -d 'Only exchanges of this route.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence export' -l tool -d 'Only exchanges that asked for this name.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence export' -l reason -d 'Only exchanges that were refused for this reason.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence export' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence export' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence what-if' -l from -d 'The beginning: a date (2026-11-01), a time (2026-11-01T09:30:00Z), or so long ago (7d). UTC.' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence what-if' -l to -d 'Its end, likewise; a date is whole in it. [default: now]' -x
complete -c mcpgate -n '__mcpgate_at mcpgate evidence what-if' -l profile -d 'The floor.' -x -a 'modern intermediate'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence what-if' -l require-pq -d 'And only post-quantum key exchange on top of it.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence what-if' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence what-if' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence what-if' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence index' -l rebuild -d 'Take what is there of this gate away first.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence index' -l follow -l once -d 'Go on as the journal grows, or end with it (default).'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence index' -s c -l config -d 'The configuration file.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence index' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence key' -l rotate -d 'Have the key name a new one, which signs from now on.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence key' -s c -l config -d 'The configuration file; only gate.state is read.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence key' -l state -d 'The state directory itself, instead.' -x -a '(__fish_complete_directories)'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence key' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence auditor' -a 'new' -d 'Make a key, on the auditor\'s machine.'
complete -c mcpgate -n '__mcpgate_at mcpgate evidence auditor new' -l out -d 'Where the private half goes; nothing is overwritten.' -r -F
complete -c mcpgate -n '__mcpgate_at mcpgate evidence auditor new' -l format -d 'Text for people, JSON for programs.' -x -a 'text json'
complete -c mcpgate -n '__mcpgate_at mcpgate completion' -a 'bash zsh fish'
