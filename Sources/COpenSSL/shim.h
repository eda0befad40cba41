// libcrypto, loaded when the first signature has to be verified or the first digest made.
//
// It takes the dynamic linker a millisecond or two, and a hit of plain CGI that is not signed needs none of it: nothing
// links it. What we call is declared here, with the types of OpenSSL's manual pages, so that building needs no headers of
// OpenSSL either. These functions are the same in 1.1 and 3.
#pragma once
#include <dlfcn.h>
#include <stddef.h>

/// Types of OpenSSL that are only ever pointed to.
typedef struct crypto_engine crypto_engine;
typedef struct crypto_md crypto_md;
typedef struct crypto_md_context crypto_md_context;
typedef struct crypto_cipher crypto_cipher;
typedef struct crypto_cipher_context crypto_cipher_context;

struct crypto_api {
    int (*CRYPTO_memcmp)(const void *left, const void *right, size_t count);

    const crypto_md *(*EVP_sha1)(void);
    const crypto_md *(*EVP_sha256)(void);
    unsigned char *(*HMAC)(const crypto_md *md, const void *key, int key_count, const unsigned char *bytes, size_t count,
                           unsigned char *mac, unsigned int *mac_count);
    crypto_md_context *(*EVP_MD_CTX_new)(void);
    void (*EVP_MD_CTX_free)(crypto_md_context *context);
    int (*EVP_DigestInit_ex)(crypto_md_context *context, const crypto_md *md, crypto_engine *engine);
    int (*EVP_DigestUpdate)(crypto_md_context *context, const void *bytes, size_t count);
    int (*EVP_DigestFinal_ex)(crypto_md_context *context, unsigned char *digest, unsigned int *digest_count);

    const crypto_cipher *(*EVP_aes_128_cbc)(void);
    const crypto_cipher *(*EVP_aes_192_cbc)(void);
    const crypto_cipher *(*EVP_aes_256_cbc)(void);
    crypto_cipher_context *(*EVP_CIPHER_CTX_new)(void);
    void (*EVP_CIPHER_CTX_free)(crypto_cipher_context *context);
    int (*EVP_CipherInit_ex)(crypto_cipher_context *context, const crypto_cipher *cipher, crypto_engine *engine,
                             const unsigned char *key, const unsigned char *vector, int encrypts);
    int (*EVP_CipherUpdate)(crypto_cipher_context *context, unsigned char *output, int *output_count,
                            const unsigned char *input, int count);
    int (*EVP_CipherFinal_ex)(crypto_cipher_context *context, unsigned char *output, int *output_count);
};

/// Fills `api`; returns 0, or -1 when the library or one of its functions is missing (`dlerror` says which).
static inline int crypto_api_load(struct crypto_api *api) {
    void *library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
    if (!library) library = dlopen("libcrypto.so.1.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return -1;
#define LOAD(name) \
    if (!(api->name = (__typeof__(api->name))dlsym(library, #name))) return -1
    LOAD(CRYPTO_memcmp);
    LOAD(EVP_sha1);
    LOAD(EVP_sha256);
    LOAD(HMAC);
    LOAD(EVP_MD_CTX_new);
    LOAD(EVP_MD_CTX_free);
    LOAD(EVP_DigestInit_ex);
    LOAD(EVP_DigestUpdate);
    LOAD(EVP_DigestFinal_ex);
    LOAD(EVP_aes_128_cbc);
    LOAD(EVP_aes_192_cbc);
    LOAD(EVP_aes_256_cbc);
    LOAD(EVP_CIPHER_CTX_new);
    LOAD(EVP_CIPHER_CTX_free);
    LOAD(EVP_CipherInit_ex);
    LOAD(EVP_CipherUpdate);
    LOAD(EVP_CipherFinal_ex);
#undef LOAD
    return 0;
}

static inline const char *crypto_api_error(void) { return dlerror(); }
