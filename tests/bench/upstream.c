/* The MCP server behind every peer of the bench: TLS 1.3, one thread, no more work than it must do.

   upstream CHAIN.pem KEY.pem COUNTS [RESULT.json ...]

   It listens on a free port of 127.0.0.1, prints the port, and serves until it is ended. It answers
   initialize, ping, tools/list and tools/call with fixed JSON, and GET with an event stream of one
   event a second. A call with an argument "answer" of 1 gets what the first RESULT.json holds as its
   result, one of 2 what the second does. COUNTS is a file of four 64-bit numbers that it keeps up to
   date in place: TLS handshakes, requests, events and open connections, so that the driver sees whether
   a peer really reuses its connections. It trusts what it reads: it must never face anything but a bench. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define MILLISECOND 1000000LL
#define SLOTS 1000      /* one a millisecond: the streams' events are spread over the second */
#define STRIDE 617      /* prime to SLOTS, so that neighbours in time of opening are far apart */
#define MOST_IN (64 * 1024)
#define MOST_OUT (1024 * 1024)

struct counts {
  uint64_t handshakes, requests, events, open;
};

struct peer {
  int fd;
  SSL *tls;
  bool shaken, writing;
  char *in, *out;
  size_t in_size, out_size, out_sent, out_room;
  long sequence;
  struct peer *next, **back; /* in its slot, once it is a stream */
};

static struct counts *counts;
static struct peer *slots[SLOTS];
static SSL_CTX *context;
static int readiness, timer, streams, opened;
static char padding[65]; /* 64 letters */

#define MOST_RESULTS 4
static struct { char *text; int size; } results[MOST_RESULTS + 1]; /* from 1 on */

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 * MILLISECOND + time.tv_nsec;
}

static void set_timer(bool on) {
  struct itimerspec every = {{0, on ? MILLISECOND : 0}, {0, on ? MILLISECOND : 0}};
  timerfd_settime(timer, 0, &every, NULL);
}

static void end(struct peer *peer) {
  if (peer->back) {
    *peer->back = peer->next;
    if (peer->next) peer->next->back = peer->back;
    if (--streams == 0) set_timer(false);
  }
  SSL_free(peer->tls);
  close(peer->fd);
  free(peer->in);
  free(peer->out);
  free(peer);
  counts->open--;
}

static void want(struct peer *peer, bool writing) {
  if (peer->writing == writing) return;
  peer->writing = writing;
  struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = peer};
  epoll_ctl(readiness, EPOLL_CTL_MOD, peer->fd, &event);
}

static void put(struct peer *peer, const char *bytes, size_t size) {
  if (peer->out_size + size > peer->out_room) {
    peer->out_room = 2 * (peer->out_size + size);
    peer->out = realloc(peer->out, peer->out_room);
    if (!peer->out) fail("realloc");
  }
  memcpy(peer->out + peer->out_size, bytes, size);
  peer->out_size += size;
}

/* Whether the connection lives on. */
static bool flush(struct peer *peer) {
  while (peer->out_sent < peer->out_size) {
    int sent = SSL_write(peer->tls, peer->out + peer->out_sent, peer->out_size - peer->out_sent);
    if (sent <= 0) {
      int error = SSL_get_error(peer->tls, sent);
      if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) return false;
      want(peer, true);
      return peer->out_size < MOST_OUT; /* a reader this slow is not what is measured */
    }
    peer->out_sent += sent;
  }
  peer->out_size = peer->out_sent = 0;
  want(peer, false);
  return true;
}

static void put_event(struct peer *peer) {
  char event[512], chunk[544];
  int size = snprintf(event, sizeof event,
                      "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\","
                      "\"params\":{\"level\":\"info\",\"data\":{\"seq\":%ld,\"t\":%lld,\"pad\":\"%s\"}}}\n\n",
                      peer->sequence++, now(), padding);
  int framed = snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", (unsigned)size, event);
  put(peer, chunk, framed);
  counts->events++;
}

static void begin_stream(struct peer *peer) {
  static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                             "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
  if (peer->back) return;
  put(peer, head, sizeof head - 1);
  put_event(peer);
  struct peer **slot = &slots[(long)opened++ * STRIDE % SLOTS];
  peer->next = *slot;
  if (peer->next) peer->next->back = &peer->next;
  peer->back = slot;
  *slot = peer;
  if (streams++ == 0) set_timer(true);
}

/* The JSON value that follows a key, as it stands in the text; its size, or 0. */
static int value_of(const char *body, size_t size, const char *key, const char **value) {
  const char *end = body + size, *at = memmem(body, size, key, strlen(key));
  if (!at) return 0;
  at += strlen(key);
  while (at < end && (*at == ' ' || *at == ':')) at++;
  *value = at;
  if (at < end && *at == '"') {
    const char *quote = memchr(at + 1, '"', end - at - 1);
    return quote ? quote + 1 - at : 0;
  }
  while (at < end && *at != ',' && *at != '}' && *at != '\n') at++;
  return at - *value;
}

static bool is(const char *value, int size, const char *text) {
  return size == (int)strlen(text) && !memcmp(value, text, size);
}

static void load_result(int number, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) fail(path);
  long size = ftell(file);
  rewind(file);
  results[number].text = malloc(size);
  if (!results[number].text || (long)fread(results[number].text, 1, size, file) != size) fail(path);
  results[number].size = size;
  fclose(file);
}

static void put_head(struct peer *peer, int size) {
  char head[256];
  int head_size = snprintf(head, sizeof head,
                           "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
                           "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n",
                           size);
  put(peer, head, head_size);
}

/* A result that was loaded, as the answer to a call. */
static void put_result(struct peer *peer, const char *id, int id_size, int number) {
  char begin[256];
  int size = snprintf(begin, sizeof begin, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":", id_size, id);
  put_head(peer, size + results[number].size + 1);
  put(peer, begin, size);
  put(peer, results[number].text, results[number].size);
  put(peer, "}", 1);
}

static void answer_message(struct peer *peer, const char *body, size_t size) {
  const char *method = "", *id = "", *version = "\"2025-06-18\"";
  int method_size = value_of(body, size, "\"method\"", &method);
  int id_size = value_of(body, size, "\"id\"", &id);
  char result[1024], json[1536];
  const char *kind = "result";
  if (id_size <= 0 || id_size > 200) {
    static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
    put(peer, accepted, sizeof accepted - 1);
    return;
  }
  if (is(method, method_size, "\"tools/call\"")) {
    const char *wanted;
    int number = value_of(body, size, "\"answer\"", &wanted) > 0 ? atoi(wanted) : 0;
    if (number > 0 && number <= MOST_RESULTS && results[number].text) {
      put_result(peer, id, id_size, number);
      return;
    }
    snprintf(result, sizeof result,
             "{\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],\"isError\":false}", padding);
  } else if (is(method, method_size, "\"initialize\"")) {
    int version_size = value_of(body, size, "\"protocolVersion\"", &version);
    if (version_size <= 0 || version_size > 40) version = "\"2025-06-18\"", version_size = 12;
    snprintf(result, sizeof result,
             "{\"protocolVersion\":%.*s,\"capabilities\":{\"tools\":{}},"
             "\"serverInfo\":{\"name\":\"bench\",\"version\":\"1\"}}",
             version_size, version);
  } else if (is(method, method_size, "\"tools/list\"")) {
    snprintf(result, sizeof result,
             "{\"tools\":[{\"name\":\"echo\",\"description\":\"echo\",\"inputSchema\":"
             "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}}}}]}");
  } else if (is(method, method_size, "\"ping\"")) {
    snprintf(result, sizeof result, "{}");
  } else {
    kind = "error";
    snprintf(result, sizeof result, "{\"code\":-32601,\"message\":\"Method not found\"}");
  }
  int json_size = snprintf(json, sizeof json, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"%s\":%s}",
                           id_size, id, kind, result);
  put_head(peer, json_size);
  put(peer, json, json_size);
}

/* Answers every whole request that has arrived; whether the connection lives on. */
static bool serve(struct peer *peer) {
  for (;;) {
    char *end_of_head = memmem(peer->in, peer->in_size, "\r\n\r\n", 4);
    if (!end_of_head) return peer->in_size < MOST_IN;
    char *body = end_of_head + 4;
    size_t head_size = body - peer->in, size = 0, total;
    bool chunked = false;
    for (char *line = memmem(peer->in, head_size, "\r\n", 2); line && line < end_of_head;
         line = memmem(line + 2, body - line - 2, "\r\n", 2)) {
      if (!strncasecmp(line + 2, "content-length:", 15)) size = strtoul(line + 17, NULL, 10);
      if (!strncasecmp(line + 2, "transfer-encoding: chunked", 26)) chunked = true;
    }
    if (chunked) {
      char *last = memmem(body, peer->in_size - head_size, "0\r\n\r\n", 5);
      if (!last) return peer->in_size < MOST_IN;
      size = last - body;
      total = head_size + size + 5;
    } else {
      total = head_size + size;
      if (peer->in_size < total) return total <= MOST_IN;
    }
    counts->requests++;
    if (!memcmp(peer->in, "POST ", 5)) {
      answer_message(peer, body, size);
    } else if (!memcmp(peer->in, "GET ", 4)) {
      begin_stream(peer);
    } else {
      static const char no[] = "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n";
      put(peer, no, sizeof no - 1);
    }
    peer->in_size -= total;
    memmove(peer->in, peer->in + total, peer->in_size);
    if (!peer->in_size) return true;
  }
}

/* Whether the connection lives on. */
static bool ready(struct peer *peer) {
  if (!peer->shaken) {
    int done = SSL_do_handshake(peer->tls);
    if (done != 1) {
      int error = SSL_get_error(peer->tls, done);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return false;
      want(peer, error == SSL_ERROR_WANT_WRITE);
      return true;
    }
    peer->shaken = true;
    counts->handshakes++;
  }
  do {
    int got = SSL_read(peer->tls, peer->in + peer->in_size, MOST_IN - peer->in_size);
    if (got <= 0) {
      int error = SSL_get_error(peer->tls, got);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return false;
      break;
    }
    peer->in_size += got;
    if (!serve(peer)) return false;
  } while (SSL_has_pending(peer->tls));
  return flush(peer);
}

static void accept_all(int listening) {
  for (;;) {
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (fd < 0) {
      if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) fail("accept");
      return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct peer *peer = calloc(1, sizeof *peer);
    if (!peer || !(peer->in = malloc(MOST_IN))) fail("malloc");
    peer->fd = fd;
    peer->tls = SSL_new(context);
    SSL_set_fd(peer->tls, fd);
    SSL_set_accept_state(peer->tls);
    counts->open++;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    epoll_ctl(readiness, EPOLL_CTL_ADD, fd, &event);
  }
}

static void tick(void) {
  static long long last;
  uint64_t expired;
  if (read(timer, &expired, sizeof expired) < 0) return;
  long long current = now() / MILLISECOND;
  /* Every slot since the last tick, so that a late wake-up loses no event. */
  if (current - last > SLOTS) last = current - 1;
  while (last < current) {
    for (struct peer *peer = slots[++last % SLOTS], *next; peer; peer = next) {
      next = peer->next;
      put_event(peer);
      if (!flush(peer)) {
        epoll_ctl(readiness, EPOLL_CTL_DEL, peer->fd, NULL);
        shutdown(peer->fd, SHUT_RDWR);
        end(peer);
      }
    }
  }
}

static void load_context(const char *chain, const char *key) {
  context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  /* One suite and one group, so that all peers do the same arithmetic; no sessions, so that none resumes. */
  if (!SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") ||
      !SSL_CTX_set1_groups_list(context, "X25519") ||
      SSL_CTX_use_certificate_chain_file(context, chain) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
    ERR_print_errors_fp(stderr);
    exit(1);
  }
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
}

static void open_counts(const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof *counts)) fail(path);
  counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (counts == MAP_FAILED) fail("mmap");
}

int main(int argc, char **argv) {
  if (argc < 4 || argc > 4 + MOST_RESULTS) {
    fprintf(stderr, "usage: upstream CHAIN.pem KEY.pem COUNTS [RESULT.json ...]\n");
    return 64;
  }
  signal(SIGPIPE, SIG_IGN);
  memset(padding, 'x', sizeof padding - 1);
  load_context(argv[1], argv[2]);
  open_counts(argv[3]);
  for (int i = 4; i < argc; i++) load_result(i - 3, argv[i]);
  int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listening, (void *)&address, size) || listen(listening, 4096)) fail("listen");
  getsockname(listening, (void *)&address, &size);
  readiness = epoll_create1(EPOLL_CLOEXEC);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listening};
  epoll_ctl(readiness, EPOLL_CTL_ADD, listening, &event);
  event.data.ptr = &timer;
  epoll_ctl(readiness, EPOLL_CTL_ADD, timer, &event);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    struct epoll_event events[512];
    int many = epoll_wait(readiness, events, 512, -1);
    bool ticked = false;
    for (int i = 0; i < many; i++) {
      void *what = events[i].data.ptr;
      ERR_clear_error();
      if (what == &listening) accept_all(listening);
      else if (what == &timer) ticked = true;
      else if (!ready(what)) end(what);
    }
    /* Last, for it may end peers that this turn has yet to look at. */
    if (ticked) tick();
  }
}
