// libcurl, loaded when the first image has to be fetched.
//
// libcurl brings thirty libraries with it, which take the dynamic linker about 5 ms: most of what a plain CGI process
// costs. A cache hit needs none of them, so nothing links libcurl; its functions are looked up once, here, with the types
// that its own header gives them. The inline functions stand for variadic ones, which Swift cannot call.
#pragma once
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <poll.h>
#include <stddef.h>

struct curl_api {
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_version_info) version_info;
    __typeof__(&curl_easy_init) easy_init;
    __typeof__(&curl_easy_cleanup) easy_cleanup;
    __typeof__(&curl_easy_setopt) easy_setopt;
    __typeof__(&curl_easy_getinfo) easy_getinfo;
    __typeof__(&curl_slist_append) slist_append;
    __typeof__(&curl_slist_free_all) slist_free_all;
    __typeof__(&curl_multi_init) multi_init;
    __typeof__(&curl_multi_cleanup) multi_cleanup;
    __typeof__(&curl_multi_setopt) multi_setopt;
    __typeof__(&curl_multi_add_handle) multi_add_handle;
    __typeof__(&curl_multi_remove_handle) multi_remove_handle;
    __typeof__(&curl_multi_perform) multi_perform;
    /// NULL before 7.66.
    __typeof__(&curl_multi_poll) multi_poll;
    __typeof__(&curl_multi_wait) multi_wait;
    __typeof__(&curl_multi_info_read) multi_info_read;
    __typeof__(&curl_share_init) share_init;
    __typeof__(&curl_share_setopt) share_setopt;
};

/// Fills `api`; returns 0, or -1 when the library or one of its functions is missing (`dlerror` says which).
static inline int curl_api_load(struct curl_api *api) {
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) return -1;
#define LOAD(name) \
    if (!(api->name = (__typeof__(api->name))dlsym(library, "curl_" #name))) return -1
    LOAD(global_init);
    LOAD(version_info);
    LOAD(easy_init);
    LOAD(easy_cleanup);
    LOAD(easy_setopt);
    LOAD(easy_getinfo);
    LOAD(slist_append);
    LOAD(slist_free_all);
    LOAD(multi_init);
    LOAD(multi_cleanup);
    LOAD(multi_setopt);
    LOAD(multi_add_handle);
    LOAD(multi_remove_handle);
    LOAD(multi_perform);
    api->multi_poll = (__typeof__(api->multi_poll))dlsym(library, "curl_multi_poll");
    LOAD(multi_wait);
    LOAD(multi_info_read);
    LOAD(share_init);
    LOAD(share_setopt);
#undef LOAD
    return 0;
}

static inline const char *curl_api_error(void) { return dlerror(); }

typedef size_t (*curl_data_function)(char *bytes, size_t size, size_t count, void *context);
typedef curl_socket_t (*curl_open_function)(void *context, curlsocktype purpose, struct curl_sockaddr *address);
typedef int (*curl_prereq_function)(void *context, char *peer, char *local, int peer_port, int local_port);

static inline CURLcode curl_set_long(const struct curl_api *api, CURL *handle, CURLoption option, long value) {
    return api->easy_setopt(handle, option, value);
}
static inline CURLcode curl_set_string(const struct curl_api *api, CURL *handle, CURLoption option, const char *value) {
    return api->easy_setopt(handle, option, value);
}
static inline CURLcode curl_set_pointer(const struct curl_api *api, CURL *handle, CURLoption option, void *value) {
    return api->easy_setopt(handle, option, value);
}
static inline CURLcode curl_set_data(const struct curl_api *api, CURL *handle, CURLoption option, curl_data_function f) {
    return api->easy_setopt(handle, option, f);
}
static inline CURLcode curl_set_open(const struct curl_api *api, CURL *handle, curl_open_function f) {
    return api->easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, f);
}
static inline CURLcode curl_set_prereq(const struct curl_api *api, CURL *handle, curl_prereq_function f) {
    return api->easy_setopt(handle, CURLOPT_PREREQFUNCTION, f);
}
static inline CURLcode curl_get_time(const struct curl_api *api, CURL *handle, CURLINFO info, curl_off_t *value) {
    return api->easy_getinfo(handle, info, value);
}
static inline curl_socket_t curl_get_socket(const struct curl_api *api, CURL *handle) {
    curl_socket_t value = CURL_SOCKET_BAD;
    return api->easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &value) == CURLE_OK ? value : CURL_SOCKET_BAD;
}
static inline CURLMcode curl_multi_set_long(const struct curl_api *api, CURLM *multi, CURLMoption option, long value) {
    return api->multi_setopt(multi, option, value);
}
static inline CURLSHcode curl_share_set_long(const struct curl_api *api, CURLSH *share, CURLSHoption option, long value) {
    return api->share_setopt(share, option, value);
}
static inline CURLSHcode curl_share_set_locks(
    const struct curl_api *api, CURLSH *share, curl_lock_function lock, curl_unlock_function unlock, void *context) {
    CURLSHcode code = api->share_setopt(share, CURLSHOPT_LOCKFUNC, lock);
    if (code == CURLSHE_OK) code = api->share_setopt(share, CURLSHOPT_UNLOCKFUNC, unlock);
    if (code == CURLSHE_OK) code = api->share_setopt(share, CURLSHOPT_USERDATA, context);
    return code;
}
/// Waits until something can be done for the transfer or `extra` is ready, for `milliseconds` at most.
static inline void curl_wait(
    const struct curl_api *api, CURLM *multi, struct curl_waitfd *extra, unsigned count, int milliseconds) {
    if (api->multi_poll) {
        api->multi_poll(multi, extra, count, milliseconds, NULL);
        return;
    }
    // curl_multi_wait does not wait at all while libcurl has nothing to wait for, as while a thread of its resolves a name.
    // Whether it has waited it does not say, so a little more is waited in both cases.
    int ready = 0;
    if (api->multi_wait(multi, extra, count, milliseconds, &ready) != CURLM_OK || ready == 0)
        poll(NULL, 0, milliseconds < 5 ? milliseconds : 5);
}
/// The result of the one transfer of a multi handle, or -1 while it runs.
static inline int curl_multi_result(const struct curl_api *api, CURLM *multi) {
    int left;
    CURLMsg *message = api->multi_info_read(multi, &left);
    return message && message->msg == CURLMSG_DONE ? (int)message->data.result : -1;
}
