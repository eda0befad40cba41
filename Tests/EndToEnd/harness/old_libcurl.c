// Makes the libcurl of this machine look like that of RHEL 9 (7.76.1) to whoever loads it: options that came later are
// unknown. It needs the real one as libcurl-real.so, where every other function is found.
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
