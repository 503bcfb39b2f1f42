/* The caller of the bench: one thread, TLS 1.3, every load that is measured.

   load KIND PORT CONNECTIONS SECONDS RATE CA.pem REQUEST

   KIND is
     closed     every connection sends its next request as soon as it has its answer
     open       RATE requests a second by the clock, whether or not earlier ones were answered;
                latency counts from when a request was due, so that a stall is charged in full
     handshake  CONNECTIONS at once: connect, full handshake, one request, answer, close, again
     idle       connections that have had one answer each, and are then left alone
     sse        one event stream for each connection

   REQUEST is a file with the bytes of a request (it holds a token, so it is no argument). First all
   connections are opened, some at a time, and used; then it says "ready". For each line on stdin it
   measures for SECONDS, lets what is in flight finish, and says in a line of JSON how much was done
   in what time; the line "end" has it report all of it together, and end. So several of it can stand
   ready and measure by turns. An answer
   is right if it is complete, has status 200, nothing follows it, and its body is that of the first
   answer, which must hold what upstream.c says. Anything else is an error, and counted by its kind. */

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define SECOND 1000000000LL
#define OPENING 16             /* connections opened at once while getting ready */
#define PATIENCE (60 * SECOND) /* for getting ready, and for what is in flight at the end */
#define FORETASTE (SECOND / 3) /* of a closed load, before it is measured */
#define MOST_HEAD 4096
#define MOST_BODY (256 * 1024) /* what is not used of it takes no memory */

/* What upstream.c says, and nobody else: a refusal, or an error with status 200, has none of it. */
#define SAID "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""

enum kind { CLOSED, OPEN, HANDSHAKE, IDLE, SSE };
enum state { UNUSED, CONNECTING, SHAKING, WAITING, RESTING, BROKEN };
enum part { HEAD, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, WHOLE };
enum fault {
  F_CONNECT, F_TLS, F_RESUMED, F_CLOSED, F_STATUS, F_BODY, F_SURPLUS, F_EVENTS, F_UNANSWERED, FAULTS
};

static const char *const fault_names[FAULTS] = {
    "connect", "tls", "resumed", "closed", "status", "body", "surplus", "events", "unanswered"};

struct answer {
  enum part part;
  long left; /* of the body, or of the chunk */
  size_t head_size, body_size;
  char head[MOST_HEAD], body[MOST_BODY];
};

struct connection {
  int fd;
  SSL *tls;
  enum state state;
  bool writing;
  size_t sent;
  long long began;
  long next_due;   /* open: the number of its next request */
  long sequence;   /* sse: of its last event; -1 before the first */
  long counted;    /* sse: events within the measured time */
  struct answer answer;
};

static enum kind kind;
static int port, many, readiness;
static double seconds, rate;
static char *request;
static size_t request_size;
static SSL_CTX *context;
static struct connection *connections;

static bool measuring;
static long long start, finish; /* of the measured time */
static int opened, in_flight, alive;
static long due; /* open: requests due so far */
static long faults[FAULTS];
static char first_fault[256];
static char right_body[MOST_BODY];
static size_t right_size;

static long long *times; /* nanoseconds of each measured answer, handshake or event */
static size_t done, room;
static long long last_done;

static void send_request(struct connection *);
static void begin(struct connection *);
static long long due_at(long);

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * SECOND + time.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void count(long long time, long long at) {
  if (!measuring) return;
  if (done == room) {
    room = room ? 2 * room : 65536;
    times = realloc(times, room * sizeof *times);
    if (!times) fail("realloc");
  }
  times[done++] = time;
  last_done = at;
}

static void want(struct connection *c, bool writing) {
  if (c->writing == writing) return;
  c->writing = writing;
  struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(readiness, EPOLL_CTL_MOD, c->fd, &event);
}

static void drop(struct connection *c) {
  SSL_free(c->tls);
  close(c->fd);
  c->tls = NULL;
  c->fd = -1;
}

static void close_in_order(struct connection *c) {
  SSL_shutdown(c->tls);
  drop(c);
  c->state = UNUSED;
}

static void blame(enum fault fault, long times, const char *detail) {
  faults[fault] += times;
  if (!*first_fault) snprintf(first_fault, sizeof first_fault, "%s: %.180s", fault_names[fault], detail);
}

/* The connection is of no more use. */
static void broken(struct connection *c, enum fault fault, const char *detail) {
  blame(fault, 1, detail);
  if (c->state != RESTING) in_flight--;
  if (c->tls) drop(c);
  c->state = BROKEN;
  alive--;
}

static const char *tls_words(void) {
  static char words[200];
  unsigned long error = ERR_peek_last_error();
  if (error) ERR_error_string_n(error, words, sizeof words);
  else snprintf(words, sizeof words, "%s", errno ? strerror(errno) : "end of file");
  return words;
}

/* An answer is whole. */
static void answered(struct connection *c) {
  struct answer *a = &c->answer;
  if (!right_size) {
    if (!memmem(a->body, a->body_size, SAID, sizeof SAID - 1)) return broken(c, F_BODY, a->body);
    memcpy(right_body, a->body, right_size = a->body_size);
  } else if (a->body_size != right_size || memcmp(a->body, right_body, right_size)) {
    return broken(c, F_BODY, a->body);
  }
  long long at = now();
  count(at - c->began, at);
  c->state = RESTING;
  in_flight--;
  if (kind == CLOSED && at < finish) send_request(c);
  if (!measuring) return;
  if (kind == OPEN && c->next_due < due) send_request(c);
  if (kind == HANDSHAKE) {
    close_in_order(c);
    if (at < finish) begin(c);
  }
}

/* An event is whole; its text is in the answer's body. */
static void event(struct connection *c) {
  struct answer *a = &c->answer;
  a->body[a->body_size] = 0;
  char *sequence = strstr(a->body, "\"seq\":"), *time = strstr(a->body, "\"t\":");
  if (!sequence || !time) return broken(c, F_EVENTS, "an event without its number");
  if (atol(sequence + 6) != ++c->sequence) return broken(c, F_EVENTS, "an event is missing or came twice");
  a->body_size = 0;
  if (c->state == WAITING) {
    c->state = RESTING;
    in_flight--;
  }
  long long at = now();
  if (!measuring || at >= finish) return;
  c->counted++;
  count(at - atoll(time + 4), at);
}

static void take_body(struct connection *c, const char *bytes, size_t size) {
  struct answer *a = &c->answer;
  if (kind != SSE) {
    if (a->body_size + size >= MOST_BODY) return broken(c, F_BODY, "too long");
    memcpy(a->body + a->body_size, bytes, size);
    a->body_size += size;
    a->body[a->body_size] = 0;
    return;
  }
  while (size && c->state != BROKEN) {
    /* An event ends with an empty line. */
    const char *line = memchr(bytes, '\n', size);
    size_t part = line ? (size_t)(line + 1 - bytes) : size;
    if (a->body_size + part >= MOST_BODY) return broken(c, F_EVENTS, "an event is too long");
    memcpy(a->body + a->body_size, bytes, part);
    a->body_size += part;
    bytes += part;
    size -= part;
    if (a->body_size >= 2 && !memcmp(a->body + a->body_size - 2, "\n\n", 2)) event(c);
  }
}

static bool header_is(const char *line, const char *name, const char *value) {
  size_t size = strlen(name);
  if (strncasecmp(line, name, size)) return false;
  line += size + strspn(line + size, " ");
  return !strncasecmp(line, value, strlen(value));
}

static void read_head(struct connection *c) {
  struct answer *a = &c->answer;
  a->head[a->head_size] = 0;
  if (strncmp(a->head, "HTTP/1.1 200", 12)) return broken(c, F_STATUS, strtok(a->head, "\r"));
  bool chunked = false, stream = false;
  a->left = -1;
  for (char *line = strstr(a->head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
    if (!strncasecmp(line + 2, "content-length:", 15)) a->left = atol(line + 17);
    if (header_is(line + 2, "transfer-encoding:", "chunked")) chunked = true;
    if (header_is(line + 2, "content-type:", "text/event-stream")) stream = true;
  }
  if (kind == SSE && !stream) return broken(c, F_EVENTS, "the answer is no event stream");
  if (!chunked && a->left < 0) return broken(c, F_BODY, "the answer has no length");
  a->part = chunked ? CHUNK_SIZE : a->left ? BODY : WHOLE;
  a->body_size = a->head_size = 0;
}

/* A line of what frames a chunk, without its end; false until there is a whole one. */
static bool take_line(struct connection *c, const char **bytes, size_t *size) {
  struct answer *a = &c->answer;
  while (*size) {
    char byte = *(*bytes)++;
    (*size)--;
    if (byte == '\n') {
      a->head[a->head_size] = 0;
      a->head_size = 0;
      return true;
    }
    if (byte != '\r' && a->head_size < 64) a->head[a->head_size++] = byte;
  }
  return false;
}

static void take(struct connection *c, const char *bytes, size_t size) {
  struct answer *a = &c->answer;
  while (c->state != BROKEN) {
    if (a->part == WHOLE) {
      if (kind == SSE) return broken(c, F_CLOSED, "the stream ended");
      if (size) return broken(c, F_SURPLUS, "bytes after the end of an answer");
      return answered(c);
    }
    if (!size) return;
    if (a->part == HEAD) {
      size_t old = a->head_size, part = size < MOST_HEAD - 1 - old ? size : MOST_HEAD - 1 - old;
      memcpy(a->head + old, bytes, part);
      char *end = memmem(a->head, old + part, "\r\n\r\n", 4);
      if (!end && part < size) return broken(c, F_STATUS, "the head is too long");
      a->head_size = end ? (size_t)(end + 4 - a->head) : old + part;
      bytes += a->head_size - old;
      size -= a->head_size - old;
      if (end) read_head(c);
    } else if (a->part == BODY || a->part == CHUNK) {
      size_t part = size < (size_t)a->left ? size : (size_t)a->left;
      take_body(c, bytes, part);
      bytes += part;
      size -= part;
      a->left -= part;
      if (!a->left) a->part = a->part == BODY ? WHOLE : CHUNK_END;
    } else if (take_line(c, &bytes, &size)) {
      if (a->part == CHUNK_SIZE) {
        a->left = strtol(a->head, NULL, 16);
        a->part = a->left ? CHUNK : TRAILER;
      } else if (a->part == CHUNK_END) {
        a->part = CHUNK_SIZE;
      } else if (!*a->head) {
        a->part = WHOLE;
      }
    }
  }
}

static void push(struct connection *c) {
  while (c->sent < request_size) {
    int sent = SSL_write(c->tls, request + c->sent, request_size - c->sent);
    if (sent <= 0) {
      int error = SSL_get_error(c->tls, sent);
      if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) return want(c, true);
      return broken(c, F_CLOSED, tls_words());
    }
    c->sent += sent;
  }
  want(c, false);
}

static void send_request(struct connection *c) {
  c->state = WAITING;
  in_flight++;
  c->sent = 0;
  c->answer.part = HEAD;
  c->answer.head_size = c->answer.body_size = 0;
  if (kind == OPEN && measuring) {
    c->began = due_at(c->next_due);
    c->next_due += many;
  } else if (kind != HANDSHAKE) {
    c->began = now();
  }
  push(c);
}

static void begin(struct connection *c) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  c->began = now();
  c->state = CONNECTING;
  c->sequence = -1;
  c->writing = true;
  in_flight++;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) fail("socket");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  c->tls = SSL_new(context);
  SSL_set_fd(c->tls, c->fd);
  SSL_set_tlsext_host_name(c->tls, "localhost");
  SSL_set1_host(c->tls, "localhost");
  SSL_set_connect_state(c->tls);
  if (connect(c->fd, (void *)&address, sizeof address) && errno != EINPROGRESS)
    return broken(c, F_CONNECT, strerror(errno));
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
  epoll_ctl(readiness, EPOLL_CTL_ADD, c->fd, &event);
}

/* While getting ready: some more connections. */
static void open_more(void) {
  while (!measuring && opened < many && in_flight < OPENING) begin(&connections[opened++]);
}

static void shake(struct connection *c) {
  int did = SSL_do_handshake(c->tls);
  if (did != 1) {
    int error = SSL_get_error(c->tls, did);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return broken(c, F_TLS, tls_words());
    return want(c, error == SSL_ERROR_WANT_WRITE);
  }
  if (SSL_session_reused(c->tls)) return broken(c, F_RESUMED, "a session was resumed");
  in_flight--;
  send_request(c);
}

static void turn(struct connection *c) {
  if (c->state == CONNECTING) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) return broken(c, F_CONNECT, strerror(error));
    c->state = SHAKING;
  }
  if (c->state == SHAKING) return shake(c);
  if (c->writing) push(c);
  char bytes[32768];
  while (c->state == WAITING || c->state == RESTING) {
    int got = SSL_read(c->tls, bytes, sizeof bytes);
    if (got <= 0) {
      int error = SSL_get_error(c->tls, got);
      if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
      return broken(c, F_CLOSED, tls_words());
    }
    if (c->state == RESTING && kind != SSE) return broken(c, F_SURPLUS, "bytes that nobody asked for");
    take(c, bytes, got);
    /* The next read would find nothing, mostly; epoll tells if it would. */
    if (c->tls && !SSL_has_pending(c->tls)) return;
  }
}

/* Open: when a request is due. */
static long long due_at(long number) {
  return start + (long long)(number * (SECOND / rate));
}

static void set_alarm(int timer) {
  long long at = kind == OPEN && due_at(due) < finish ? due_at(due) : finish;
  struct itimerspec when = {.it_value = {at / SECOND, at % SECOND}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Open: what is due is sent, unless its connection still waits for an earlier answer. */
static void send_due(void) {
  long long at = now();
  while (due_at(due) <= at && due_at(due) < finish) {
    struct connection *c = &connections[due++ % many];
    if (c->state == RESTING) send_request(c);
    else if (c->state == BROKEN) blame(F_UNANSWERED, 1, "its connection is broken");
  }
}

static void wait_for_peer(int timer, int timeout) {
  struct epoll_event events[512];
  int got = epoll_wait(readiness, events, 512, timeout);
  for (int i = 0; i < got; i++) {
    ERR_clear_error();
    errno = 0;
    if (events[i].data.ptr == &readiness) {
      uint64_t expired;
      if (read(timer, &expired, sizeof expired) < 0) continue;
      if (kind == OPEN && now() < finish) send_due();
      if (now() < finish) set_alarm(timer);
    } else {
      turn(events[i].data.ptr);
    }
  }
}

/* Whether nothing is in flight any more, and every connection was opened. */
static bool settle(int timer) {
  long long deadline = now() + PATIENCE;
  for (open_more(); in_flight || opened < many; open_more()) {
    if (now() > deadline) {
      blame(F_UNANSWERED, in_flight, "while getting ready");
      return false;
    }
    wait_for_peer(timer, 100);
  }
  return true;
}

static void get_ready(int timer) {
  if (!settle(timer) || kind != CLOSED) return;
  /* A foretaste, so that the peer has as many connections to the upstream as it will need. */
  finish = now() + FORETASTE;
  for (int i = 0; i < many; i++)
    if (connections[i].state == RESTING) send_request(&connections[i]);
  settle(timer);
}

static void measure(int timer) {
  size_t before = done;
  measuring = true;
  due = 0;
  start = last_done = now();
  finish = start + (long long)(seconds * SECOND);
  for (int i = 0; i < many; i++) {
    struct connection *c = &connections[i];
    c->next_due = i;
    if (kind == CLOSED && c->state == RESTING) send_request(c);
    if (kind == HANDSHAKE && c->state == RESTING) close_in_order(c);
    if (kind == HANDSHAKE && c->state == UNUSED) begin(c);
  }
  set_alarm(timer);
  while (alive && (now() < finish || in_flight)) {
    if (now() > finish + PATIENCE) {
      for (int i = 0; i < many; i++)
        if (connections[i].state == WAITING) broken(&connections[i], F_UNANSWERED, "long after the end");
      break;
    }
    wait_for_peer(timer, 1000);
  }
  measuring = false;
  printf("{\"done\":%zu,\"seconds\":%.6f}\n", done - before, (last_done - start) / 1e9);
  fflush(stdout);
}

static void judge_streams(void) {
  for (int i = 0; i < many; i++) {
    long counted = connections[i].counted, expected = (long)seconds;
    if (connections[i].state != BROKEN && (counted < expected - 1 || counted > expected + 1))
      blame(F_EVENTS, 1, counted < expected ? "a stream had too few" : "a stream had too many");
  }
}

static int compare(const void *a, const void *b) {
  long long x = *(const long long *)a, y = *(const long long *)b;
  return x < y ? -1 : x > y;
}

static void report(void) {
  long errors = 0;
  printf("{\"done\":%zu", done);
  if (done) {
    qsort(times, done, sizeof *times, compare);
    printf(",\"p50_us\":%.1f", times[(done - 1) / 2] / 1e3);
    printf(",\"p99_us\":%.1f", times[(size_t)((done - 1) * 0.99)] / 1e3);
  }
  printf(",\"errors\":{");
  for (int i = 0; i < FAULTS; i++) {
    if (faults[i]) printf("%s\"%s\":%ld", errors ? "," : "", fault_names[i], faults[i]);
    errors += faults[i];
  }
  printf("},\"first_error\":\"");
  for (char *at = first_fault; *at; at++) {
    if (*at == '"' || *at == '\\') putchar('\\');
    putchar((unsigned char)*at < 32 ? ' ' : *at);
  }
  puts("\"}");
  fflush(stdout);
}

static void load_context(const char *authority) {
  context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  /* One suite and one group, so that all peers do the same arithmetic. */
  if (!SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") ||
      !SSL_CTX_set1_groups_list(context, "X25519") ||
      SSL_CTX_load_verify_locations(context, authority, NULL) != 1) {
    ERR_print_errors_fp(stderr);
    exit(1);
  }
  static const unsigned char http[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context, http, sizeof http - 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_set_read_ahead(context, 1);
}

static void read_request(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) fail(path);
  request = malloc(65536);
  request_size = fread(request, 1, 65536, file);
  fclose(file);
}

int main(int argc, char **argv) {
  static const char *const kinds[] = {"closed", "open", "handshake", "idle", "sse"};
  int named = -1;
  for (int i = 0; argc == 8 && i < 5; i++)
    if (!strcmp(argv[1], kinds[i])) named = i;
  if (named < 0) {
    fprintf(stderr, "usage: load closed|open|handshake|idle|sse PORT CONNECTIONS SECONDS RATE CA REQUEST\n");
    return 64;
  }
  kind = named;
  port = atoi(argv[2]);
  many = alive = atoi(argv[3]);
  seconds = atof(argv[4]);
  rate = atof(argv[5]);
  signal(SIGPIPE, SIG_IGN);
  load_context(argv[6]);
  read_request(argv[7]);
  connections = calloc(many, sizeof *connections);
  readiness = epoll_create1(EPOLL_CLOEXEC);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = &readiness};
  epoll_ctl(readiness, EPOLL_CTL_ADD, timer, &event);
  get_ready(timer);
  puts("ready");
  fflush(stdout);
  char line[16];
  while (fgets(line, sizeof line, stdin) && strcmp(line, "end\n")) measure(timer);
  if (kind == SSE) judge_streams();
  report();
  return 0;
}
