// Makes the libcurl of this machine look like that of RHEL 9 (7.76.1) to whoever loads it, or, with RHEL set to 8, like
// that one's (7.61.1): options that came later are unknown. It needs the real one as libcurl-real.so, where every other
// function is found.
#define _GNU_SOURCE
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdarg.h>

#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *handle, CURLoption option, ...) {
    static CURLcode (*real)(CURL *, CURLoption, ...);
    if (!real) real = (CURLcode(*)(CURL *, CURLoption, ...))dlsym(RTLD_NEXT, "curl_easy_setopt");
    switch (option) {
    case CURLOPT_PREREQFUNCTION:
    case CURLOPT_PREREQDATA:
    case CURLOPT_PROTOCOLS_STR:
    case CURLOPT_REDIR_PROTOCOLS_STR:
    case CURLOPT_QUICK_EXIT:
#if RHEL == 8
    case CURLOPT_HTTP09_ALLOWED:
#endif
        return CURLE_UNKNOWN_OPTION;
    default: {
        // Each option takes one argument of a register's width.
        va_list arguments;
        va_start(arguments, option);
        void *value = va_arg(arguments, void *);
        va_end(arguments);
        return real(handle, option, value);
    }
    }
}

#if RHEL == 8
// dlsym calls the resolver for the address, and finds none.
static CURLMcode (*nothing(void))(CURLM *, struct curl_waitfd *, unsigned, int, int *) { return NULL; }
CURLMcode curl_multi_poll(CURLM *, struct curl_waitfd *, unsigned, int, int *) __attribute__((ifunc("nothing")));
#endif
