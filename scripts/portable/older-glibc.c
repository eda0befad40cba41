// Lets the executable of `make dist` run with a glibc that is older than the one it is linked with: 2.28 (RHEL 8) and newer.
//
// glibc keeps each function that it has ever changed under its old version, and a program asks for the version that was the
// newest when it was linked. Here stand the functions for which that would be one after 2.28: each jumps to the same
// function as glibc has had it since its beginning on this architecture. What they take and return has not changed.
// Functions that were in libpthread and libdl before 2.34 are found there: scripts/make-dist names both libraries to
// the dynamic linker, which has them, though empty, to this day.
//
// Hidden: libraries that are loaded later keep the functions of their own glibc.
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define HIDDEN __attribute__((visibility("hidden")))

#if defined __x86_64__
#define FIRST "GLIBC_2.2.5"
#define JUMP "jmp"
#define STAT_VERSION 1
#elif defined __aarch64__
#define FIRST "GLIBC_2.17"
#define JUMP "b"
#define STAT_VERSION 0
#else
#error "which version of glibc was the first on this architecture?"
#endif

// `older_NAME` is the function as `version` has it.
#define OLDER(name, version) __asm__(".symver older_" #name "," #name "@" version)

// In the place of glibc's newest: all registers are left as they are.
#define REPLACE_BY(name, version)                                                                                \
    OLDER(name, version);                                                                                        \
    __asm__(".pushsection .text\n.globl " #name "\n.hidden " #name "\n.type " #name ",%function\n" #name ":\n\t" JUMP \
            " older_" #name "\n.size " #name ", . - " #name "\n.popsection")
#define REPLACE(name) REPLACE_BY(name, FIRST)

// 2.29: those that come first here set errno by another way.
REPLACE(exp);
REPLACE(exp2);
REPLACE(log);
REPLACE(log2);

// 2.32, 2.34: moved from libpthread and libdl into libc.
REPLACE(dladdr);
REPLACE(dlerror);
REPLACE(dlopen);
REPLACE(dlsym);
REPLACE(pthread_attr_getstack);
REPLACE(pthread_attr_setstacksize);
REPLACE(pthread_create);
REPLACE(pthread_detach);
REPLACE(pthread_getattr_np);
REPLACE(pthread_getspecific);
REPLACE(pthread_join);
REPLACE(pthread_key_create);
REPLACE(pthread_kill);
REPLACE(pthread_mutexattr_destroy);
REPLACE(pthread_mutexattr_init);
REPLACE(pthread_mutexattr_settype);
REPLACE(pthread_rwlock_destroy);
REPLACE(pthread_rwlock_init);
REPLACE(pthread_rwlock_rdlock);
REPLACE(pthread_rwlock_unlock);
REPLACE(pthread_rwlock_wrlock);
REPLACE(pthread_setspecific);
REPLACE(pthread_sigmask);
REPLACE(sem_destroy);
REPLACE(sem_init);
REPLACE(sem_open);
REPLACE(sem_post);
REPLACE(sem_timedwait);
REPLACE(sem_wait);
#if defined __x86_64__
REPLACE_BY(pthread_getaffinity_np, "GLIBC_2.3.4");
REPLACE_BY(pthread_setname_np, "GLIBC_2.12");
#else
REPLACE(pthread_getaffinity_np);
REPLACE(pthread_setname_np);
#endif

// 2.35.
REPLACE(hypotf);

// 2.33: before that they were inline functions around these.
OLDER(__xstat, FIRST);
OLDER(__lxstat, FIRST);
OLDER(__fxstat, FIRST);
extern int older___xstat(int version, const char *path, struct stat *found);
extern int older___lxstat(int version, const char *path, struct stat *found);
extern int older___fxstat(int version, int descriptor, struct stat *found);

HIDDEN int stat(const char *path, struct stat *found) { return older___xstat(STAT_VERSION, path, found); }
HIDDEN int lstat(const char *path, struct stat *found) { return older___lxstat(STAT_VERSION, path, found); }
HIDDEN int fstat(int descriptor, struct stat *found) { return older___fxstat(STAT_VERSION, descriptor, found); }

// 2.32, for libstdc++: whether no thread was ever started. That it may have been is always true.
HIDDEN char __libc_single_threaded = 0;

// 2.36, for std::random_device. getentropy fails only where the kernel has no randomness: then there is no going on.
HIDDEN unsigned arc4random(void) {
    unsigned value;
    if (getentropy(&value, sizeof value) != 0) __builtin_trap();
    return value;
}

// 2.34: since then libc calls the constructors of the program by itself. Before, it called the function that it was given
// for that, as each version still does where there is one; the start-up code that is linked in gives none.
typedef void constructor(int count, char **arguments, char **environment);
extern constructor *__init_array_start[] HIDDEN, *__init_array_end[] HIDDEN;
extern void _init(void);

static void construct(int count, char **arguments, char **environment) {
    _init();
    for (constructor **next = __init_array_start; next < __init_array_end; next++) (*next)(count, arguments, environment);
}

typedef int entry(int count, char **arguments, char **environment);
OLDER(__libc_start_main, FIRST);
extern int older___libc_start_main(entry *main, int count, char **arguments, constructor *init, void (*fini)(void),
                                   void (*rtld_fini)(void), void *stack_end);

HIDDEN int __libc_start_main(entry *main, int count, char **arguments, constructor *init, void (*fini)(void),
                             void (*rtld_fini)(void), void *stack_end) {
    return older___libc_start_main(main, count, arguments, init ? init : construct, fini, rtld_fini, stack_end);
}
