/* What the targets share. A target is a function of bytes; an object that is left, and a handle that a failing call
   writes, end the process. */
#define _GNU_SOURCE
#include <recurrent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REQUIRE(condition)                                                                                             \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, recurrent_last_error());                      \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

/* The path of a file in memory with these bytes. */
static inline const char *file_of(const uint8_t *data, size_t size) {
  static int file = -1;
  static char path[64];
  if (file < 0) {
    REQUIRE((file = memfd_create("input", 0)) >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  }
  REQUIRE(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
  return path;
}

/* A generator that exists for the whole process. */
static inline recurrent_random generator(void) {
  static recurrent_random random;
  if (!random) REQUIRE(recurrent_random_create(1, &random) == RECURRENT_OK);
  return random;
}

/* Uses a model, and frees it. */
static inline void use(recurrent_text_model model) {
  int64_t length, tokens[64], count;
  char text[256];
  recurrent_text_model_info info;
  recurrent_generator writer;
  REQUIRE(recurrent_text_model_get_info(model, &info) == RECURRENT_OK && info.vocabulary_size > 0);
  recurrent_text_model_encode(model, "abba", 4, RECURRENT_ERRORS_IGNORE, 0, tokens, 64, &count);
  if (recurrent_generator_create_text(model, NULL, 0, NULL, 0, generator(), &writer) == RECURRENT_OK) {
    int32_t ended;
    recurrent_generator_next_text(writer, 3, text, sizeof text, &length, &ended);
    REQUIRE(recurrent_generator_free(writer) == RECURRENT_OK);
  }
  tokens[0] = 0, tokens[1] = info.vocabulary_size - 1, tokens[2] = 0;
  recurrent_text_model_reset_state(model);
  recurrent_text_model_train_step(model, tokens, tokens + 1, 2, 1, NULL, 0, 0, 0.1, 0, 1, NULL);
  REQUIRE(recurrent_text_model_free(model) == RECURRENT_OK);
}
