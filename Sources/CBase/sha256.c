#include "CBase.h"
#include <openssl/evp.h>

pupil_sha256 *pupil_sha256_new(void) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return (pupil_sha256 *)context;
}

void pupil_sha256_update(pupil_sha256 *h, const void *bytes, size_t count) {
    EVP_DigestUpdate((EVP_MD_CTX *)h, bytes, count);
}

void pupil_sha256_finish(pupil_sha256 *h, uint8_t *digest) {
    EVP_DigestFinal_ex((EVP_MD_CTX *)h, digest, NULL);
    EVP_MD_CTX_free((EVP_MD_CTX *)h);
}
