/*
 * Preloaded into the product's processes (LD_PRELOAD), it counts the system calls that touch given paths,
 * across processes and threads, and at the n-th one kills, stops, cuts the power, or makes the call fail.
 * shim.ts builds it and says what each variable means. Linux only.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* linux/fs.h: FICLONE. ext4 and xfs know the shutdown by the number that xfs gave it (xfs_fs.h). */
#define CLONE_FILE _IOW(0x94, 9, int)
#define SHUT_DOWN _IOR('X', 125, unsigned int)
#define WITHOUT_FLUSHING 2

enum { PROCEED = 0, SHORTEN = -1 };
enum action { NOTHING, KILL, STOP, POWER, FAIL, SHORT };

/*
 * A file that every process maps: the number of calls so far. With FAULT_LIVE it also says what to do, so
 * that it can be told anew to processes that are running already.
 */
static struct state {
  _Atomic long count;
  char at[16], action[16], error[16], is_sticky[8], calls[192];
} *state;
static int is_live;
static const char *paths, *calls, *mount_point;
static long at;
static int is_sticky, error_number, log_fd = -1, cuts_after_answer;
static enum action action;

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static const char *setting(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

static void obey(const char *when, const char *kind, const char *error, const char *sticky, const char *which) {
  at = when ? atol(when) : 0;
  error_number = error && *error ? atoi(error) : EIO;
  is_sticky = sticky && *sticky;
  calls = which && *which ? which : NULL;
  action = !kind                     ? NOTHING
           : !strcmp(kind, "kill")   ? KILL
           : !strcmp(kind, "stop")   ? STOP
           : !strcmp(kind, "power")  ? POWER
           : !strcmp(kind, "fail")   ? FAIL
           : !strcmp(kind, "short")  ? SHORT
                                     : NOTHING;
}

__attribute__((constructor)) static void start(void) {
  const char *file = setting("FAULT_STATE"), *log = setting("FAULT_LOG");
  if (!file) return;
  paths = setting("FAULT_PATHS");
  mount_point = setting("FAULT_MOUNT");
  cuts_after_answer = setting("FAULT_AFTER_ANSWER") != NULL;
  is_live = setting("FAULT_LIVE") != NULL;
  obey(setting("FAULT_AT"), setting("FAULT_ACTION"), setting("FAULT_ERRNO"), setting("FAULT_STICKY"),
       setting("FAULT_CALLS"));
  int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) abort();
  state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (state == MAP_FAILED) abort();
  if (!log) return;
  int low = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
  log_fd = fcntl(low, F_DUPFD_CLOEXEC, 500);
  close(low);
}

/* Whether `item` is in the list, whose items end with `separator`; as a whole, or as a prefix up to a slash. */
static int is_listed(const char *list, char separator, const char *item, int as_prefix) {
  for (const char *start = list; start && *start;) {
    const char *end = strchrnul(start, separator);
    size_t length = (size_t)(end - start);
    if (!strncmp(start, item, length) && (as_prefix || item[length] == 0)) return 1;
    start = *end ? end + 1 : end;
  }
  return 0;
}

static void cut_power(void) {
  unsigned int flags = WITHOUT_FLUSHING;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, mount_point, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0 || syscall(SYS_ioctl, fd, SHUT_DOWN, &flags) != 0) abort();
  syscall(SYS_kill, 0, SIGKILL);
}

static void note(long n, const char *call, const char *path, const char *mark) {
  char line[PATH_MAX + 100];
  int length = snprintf(line, sizeof line, "%ld %d %s%s %.*s\n", n, getpid(), call, mark, PATH_MAX - 1, path);
  if (log_fd >= 0 && length > 0) syscall(SYS_write, log_fd, line, (size_t)length);
}

/* The path of an open directory, for what is named by way of its descriptor: /proc/self/fd/21/name. */
static const char *resolved(const char *path, char place[2 * PATH_MAX]) {
  static const char by_descriptor[] = "/proc/self/fd/";
  if (strncmp(path, by_descriptor, sizeof by_descriptor - 1) != 0) return path;
  char link[40];
  size_t digits = strspn(path + sizeof by_descriptor - 1, "0123456789");
  size_t length = sizeof by_descriptor - 1 + digits;
  if (length >= sizeof link) return path;
  memcpy(link, path, length);
  link[length] = 0;
  ssize_t found = syscall(SYS_readlinkat, AT_FDCWD, link, place, PATH_MAX - 1);
  if (found <= 0) return path;
  snprintf(place + found, PATH_MAX, "%s", path + length);
  return place;
}

/* A call is about to be made. Returns PROCEED, SHORTEN, or the errno to fail with. */
static int point(const char *call, const char *path) {
  if (!state || !path) return PROCEED;
  char place[2 * PATH_MAX];
  path = resolved(path, place);
  if (!is_listed(paths, ':', path, 1)) return PROCEED;
  if (is_live) obey(state->at, state->action, state->error, state->is_sticky, state->calls);
  if (calls && !is_listed(calls, ',', call, 0)) {
    /* A reader of the log may want to know the others too; they have no number. */
    if (is_live) note(0, call, path, "");
    return PROCEED;
  }
  long n = atomic_fetch_add(&state->count, 1) + 1;
  int is_due = at && (n == at || (is_sticky && n > at));
  note(n, call, path, is_due && action != NOTHING ? "!" : "");
  if (!is_due) return PROCEED;
  if (action == KILL) syscall(SYS_kill, getpid(), SIGKILL);
  if (action == STOP) syscall(SYS_kill, getpid(), SIGSTOP);
  if (action == POWER) cut_power();
  if (action == FAIL) return error_number;
  return action == SHORT ? SHORTEN : PROCEED;
}

/* The same for a call on a descriptor, whose path the kernel knows. */
static int point_fd(const char *call, int fd) {
  if (!state) return PROCEED;
  char link[40], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  if (length <= 0 || path[0] != '/') return PROCEED;
  path[length] = 0;
  return point(call, path);
}

/* The same for a name in an open directory. */
static int point_at(const char *call, int fd, const char *path) {
  char whole[2 * PATH_MAX];
  if (!state || !path || path[0] == '/' || fd == AT_FDCWD) return point(call, path);
  snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", fd, path);
  return point(call, whole);
}

static int failed(int error) {
  errno = error;
  return -1;
}

#define GUARD(check) \
  int verdict = (check); \
  if (verdict > 0) return failed(verdict)
#define SHORTER(length) (verdict == SHORTEN && (length) > 1 ? (length) / 2 : (length))

#define OPEN(name, dir_parameter, dir_argument, dir) \
  int name(dir_parameter const char *path, int flags, ...) { \
    REAL(name); \
    va_list list; \
    va_start(list, flags); \
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, int) : 0; \
    va_end(list); \
    GUARD(point_at(!(flags & O_CREAT) ? "open" : flags & O_EXCL ? "make" : "create", dir, path)); \
    return real(dir_argument path, flags, mode); \
  }
#define COMMA ,
OPEN(open, , , AT_FDCWD)
OPEN(open64, , , AT_FDCWD)
OPEN(openat, int fd COMMA, fd COMMA, fd)
OPEN(openat64, int fd COMMA, fd COMMA, fd)

#define ON_PATH(name, parameters, arguments) \
  int name parameters { \
    REAL(name); \
    GUARD(point(#name, path)); \
    return real arguments; \
  }
ON_PATH(unlink, (const char *path), (path))
ON_PATH(rmdir, (const char *path), (path))
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(chmod, (const char *path, mode_t mode), (path, mode))
ON_PATH(chown, (const char *path, uid_t user, gid_t group), (path, user, group))
ON_PATH(rename, (const char *from, const char *path), (from, path))
ON_PATH(link, (const char *from, const char *path), (from, path))

int unlinkat(int fd, const char *path, int flags) {
  REAL(unlinkat);
  GUARD(point_at("unlinkat", fd, path));
  return real(fd, path, flags);
}

#define ON_FD(name, parameters, arguments) \
  int name parameters { \
    REAL(name); \
    GUARD(point_fd(#name, fd)); \
    return real arguments; \
  }
ON_FD(fsync, (int fd), (fd))
ON_FD(fdatasync, (int fd), (fd))
ON_FD(ftruncate64, (int fd, off64_t length), (fd, length))
ON_FD(fchmod, (int fd, mode_t mode), (fd, mode))
ON_FD(fchown, (int fd, uid_t user, gid_t group), (fd, user, group))

/* The kernel closes the descriptor even when it reports an error. */
int close(int fd) {
  REAL(close);
  int verdict = point_fd("close", fd);
  int result = real(fd);
  return verdict > 0 ? failed(verdict) : result;
}

#define TRANSFER(name, call, parameters, arguments) \
  ssize_t name parameters { \
    REAL(name); \
    GUARD(point_fd(call, fd)); \
    return real arguments; \
  }
TRANSFER(read, "read", (int fd, void *bytes, size_t length), (fd, bytes, SHORTER(length)))
TRANSFER(pread64, "read", (int fd, void *bytes, size_t length, off64_t offset), (fd, bytes, SHORTER(length), offset))
TRANSFER(pwrite64, "write", (int fd, const void *bytes, size_t length, off64_t offset),
         (fd, bytes, SHORTER(length), offset))
TRANSFER(preadv, "read", (int fd, const struct iovec *parts, int count, off_t offset), (fd, parts, SHORTER(count), offset))
TRANSFER(pwritev, "write", (int fd, const struct iovec *parts, int count, off_t offset),
         (fd, parts, SHORTER(count), offset))
/* libuv asks the linker for these. */
TRANSFER(preadv64, "read", (int fd, const struct iovec *parts, int count, off64_t offset),
         (fd, parts, SHORTER(count), offset))
TRANSFER(pwritev64, "write", (int fd, const struct iovec *parts, int count, off64_t offset),
         (fd, parts, SHORTER(count), offset))
TRANSFER(readv, "read", (int fd, const struct iovec *parts, int count), (fd, parts, SHORTER(count)))
TRANSFER(writev, "write", (int fd, const struct iovec *parts, int count), (fd, parts, SHORTER(count)))
TRANSFER(sendfile64, "write", (int fd, int from, off64_t *offset, size_t length), (fd, from, offset, SHORTER(length)))
TRANSFER(sendfile, "write", (int fd, int from, off_t *offset, size_t length), (fd, from, offset, SHORTER(length)))

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(write);
  GUARD(point_fd("write", fd));
  ssize_t result = real(fd, bytes, SHORTER(length));
  /* The answer has been given: whatever it promises must hold from here on. */
  if (cuts_after_answer && fd == 1 && length >= 7 && !memcmp(bytes, "success", 7)) cut_power();
  return result;
}

ssize_t copy_file_range(int from, off64_t *in, int fd, off64_t *out, size_t length, unsigned int flags) {
  REAL(copy_file_range);
  GUARD(point_fd("write", fd));
  return real(from, in, fd, out, SHORTER(length), flags);
}

/* libuv makes some calls by their number. */
long syscall(long number, ...) {
  REAL(syscall);
  va_list list;
  va_start(list, number);
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_copy_file_range) {
    GUARD(point_fd("write", (int)a[2]));
    return real(number, a[0], a[1], a[2], a[3], SHORTER(a[4]), a[5]);
  }
  if (number == SYS_close) return close((int)a[0]);
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int ioctl(int fd, unsigned long request, ...) {
  REAL(ioctl);
  va_list list;
  va_start(list, request);
  void *argument = va_arg(list, void *);
  va_end(list);
  if (request == CLONE_FILE) {
    GUARD(point_fd("clone", fd));
  }
  return real(fd, request, argument);
}

DIR *opendir(const char *path) {
  REAL(opendir);
  int verdict = point("readdir", path);
  if (verdict <= 0) return real(path);
  errno = verdict;
  return NULL;
}

int scandir64(const char *path, struct dirent64 ***names, int (*filter)(const struct dirent64 *),
              int (*compare)(const struct dirent64 **, const struct dirent64 **)) {
  REAL(scandir64);
  GUARD(point("readdir", path));
  return real(path, names, filter, compare);
}
