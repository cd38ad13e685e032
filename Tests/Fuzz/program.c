/* Programs: each byte selects a function of recurrent.h, and the bytes after it its arguments. make_calls.py writes
   calls.h from the header: an array of functions that read their arguments with the functions below. */
#include "fuzz.h"

/* the kind of an object is four bits of its handle */
enum { BUFFERS = 20, BUFFER = 1 << 18, KINDS = 16, LIVE = 32 };

static const uint8_t *at, *end;
static char buffers[BUFFERS][BUFFER + 8] __attribute__((aligned(64)));
static uint64_t handles[KINDS][LIVE];
static int counts[KINDS];
/* of the text that was chosen last */
static int64_t text_length;

static uint8_t next(void) { return at < end ? *at++ : 0; }

/* A handle of a kind that exists; rarely of another kind, freed or forged. */
static uint64_t handle(int kind) {
  uint8_t byte = next();
  if (byte >= 250) return (uint64_t[]){0, ~0ull, handles[1][0], handles[2][0] + (1ull << 32), handles[3][0], 7}[byte - 250];
  return counts[kind] ? handles[kind][byte % counts[kind]] : 0;
}

static void release(int kind, uint64_t handle);

static void keep(int kind, uint64_t handle) {
  if (handle == 0) return;
  if (counts[kind] < LIVE) handles[kind][counts[kind]++] = handle;
  else release(kind, handle);
}

/* Sizes that the buffers hold, and sizes that no process has. */
static int64_t size(void) {
  static const int64_t sizes[] = {1, 2, 3, 4, 5, 6, 0, -1, INT64_MIN, INT64_MAX};
  uint8_t byte = next();
  return sizes[byte < 200 ? byte % 6 : byte % 10];
}

/* A number of steps: the largest one would not end. */
static int64_t steps(void) { return (int8_t)next() % 7; }

/* The length of the text before it; rarely another one that the text has. */
static int64_t length(void) {
  uint8_t byte = next();
  return byte < 240 ? text_length : byte < 250 ? text_length / 2 : -1;
}

static int32_t code(void) {
  uint8_t byte = next();
  return byte < 240 ? byte % 16 - 1 : byte % 2 ? INT32_MIN : INT32_MAX;
}

static double number(void) {
  static const double numbers[] = {0,    0.5,   1,    0.1,  2,     -1,       1e-8,       5,
                                   1e38, 1e308, 1e39, 1e-300, -0.0, 0.0 / 0.0, 1.0 / 0.0, -1.0 / 0.0};
  return numbers[next() % 16];
}

/* Memory for an input: a third of them NULL, since many are optional; rarely not aligned. */
static void *memory(int parameter) {
  uint8_t byte = next();
  return byte < 165 ? buffers[parameter] : byte < 250 ? NULL : buffers[parameter] + 1;
}

/* An output, zeros at first; rarely NULL or not aligned. */
static void *output(int parameter) {
  uint8_t byte = next();
  memset(buffers[parameter], 0, 64);
  return byte < 235 ? buffers[parameter] : byte < 250 ? NULL : buffers[parameter] + 1;
}

/* Reads what the library gives out. */
static void touch(void **place) {
  if (place && *place) (void)*(volatile const char *)*place;
}

static void *integers(int parameter) {
  int64_t *values = (int64_t *)buffers[parameter];
  for (int i = 0; i < 8; i++) values[i] = (int8_t)next() % 8;
  for (int i = 8; i < 300; i++) values[i] = values[i % 8];
  return memory(parameter);
}

static void *numbers(int parameter) {
  float *values = (float *)buffers[parameter];
  uint8_t byte = next();
  for (int i = 0; i < 1600; i++) values[i] = (i * 7 % 11 - 5) * 0.25f;
  if (byte >= 240) values[byte - 240] = number();
  return memory(parameter);
}

static void *mats(int parameter) {
  uint64_t *values = (uint64_t *)buffers[parameter];
  for (int i = 0; i < 8; i++) values[i] = handle(2);
  return memory(parameter);
}

static const char *texts[] = {"aba", "ab", "", "b", "Wix0", "bd", "Whd", "h0", "f1", "W", "exp_avg", "user", "\xff", "é"};
static const char *settings[] = {
    "{\"cell\": \"lstm\", \"input_size\": 2, \"hidden_sizes\": [3, 2], \"output_size\": 3}",
    "{\"cell\": \"gru\", \"input_size\": 3, \"hidden_sizes\": [2], \"output_size\": 3, \"embedding\": 2}",
    "{\"cell\": \"rnn_relu\", \"input_size\": 3, \"hidden_sizes\": [2], \"output_size\": 3, \"dtype\": \"float64\"}",
    "{\"cell\": \"gru_reset_before\", \"input_size\": 2, \"hidden_sizes\": [2, 2]}",
    "{\"hidden_sizes\": [2], \"cell\": \"gru\", \"dropout\": 0.5}",
    "{\"hidden_sizes\": [2, 2], \"embedding\": 2, \"tied\": true}",
    "{\"hidden_sizes\": [2], \"tokenizer\": \"bytes\", \"cell\": \"rnn_tanh\"}",
    "{\"name\": \"adamw\", \"learning_rate\": 0.1}",
    "{\"name\": \"sgd\", \"momentum\": 0.9, \"nesterov\": true}",
    "{\"name\": \"rmsprop\", \"centered\": true, \"clipping\": \"global_norm\"}",
    "{\"name\": \"adagrad\", \"clipping\": \"tensor_norm\"}",
    "{\"name\": \"recurrentjs\"}",
    "{\"temperature\": 0.5, \"top_k\": 2, \"top_p\": 0.9, \"repetition_penalty\": 1.2}",
    "{\"max_tokens\": 5, \"stop\": [\"ab\"]}",
    "{}",
};
static char paths[2][64];

static const char *chosen(const char *const *list, int count) {
  const char *text = list[next() % count];
  text_length = strlen(text);
  return text;
}

static const char *text(void) { return chosen(texts, sizeof texts / sizeof *texts); }
static const char *setting(void) { return chosen(settings, sizeof settings / sizeof *settings); }
static const char *path(void) { return chosen((const char *[]){paths[0], paths[1], "/nowhere/file", ""}, 4); }

/* Texts, and their lengths in the parameter after them. */
static void *text_list(int parameter) {
  const char **list = (const char **)buffers[parameter];
  int64_t *lengths = (int64_t *)buffers[parameter + 1];
  for (int i = 0; i < 8; i++) list[i] = text(), lengths[i] = text_length;
  return memory(parameter);
}

#include "calls.h"

/* Objects that every program starts with. */
static void start(void) {
  static const int64_t shapes[][2] = {{3, 4}, {4, 2}, {3, 1}, {1, 1}, {3, 4}, {2, 2}};
  uint64_t made;
  recurrent_random_create(1, &made), keep(1, made);
  uint64_t random = made;
  for (int i = 0; i < 6; i++) {
    REQUIRE(recurrent_mat_create(RECURRENT_FLOAT32, shapes[i][0], shapes[i][1], &made) == RECURRENT_OK);
    keep(2, made);
    REQUIRE(recurrent_mat_fill_uniform(made, 0.1, 1, random) == RECURRENT_OK);
  }
  REQUIRE(recurrent_graph_create(1, &made) == RECURRENT_OK);
    keep(3, made);
  for (int i = 0; i < 4; i++) {
    REQUIRE(recurrent_network_create(settings[i], strlen(settings[i]), random, &made) == RECURRENT_OK);
    keep(4, made);
  }
  REQUIRE(recurrent_optimizer_create(settings[7], strlen(settings[7]), &made) == RECURRENT_OK);
    keep(5, made);
  REQUIRE(recurrent_text_model_create(settings[4], strlen(settings[4]), texts, (int64_t[]){3}, 1, random, &made) == 0);
  keep(6, made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  at = data, end = data + size;
  if (!paths[0][0]) {
    for (int i = 0; i < 2; i++) snprintf(paths[i], sizeof paths[i], "/dev/shm/recurrent-fuzz-%d-%d", getpid(), i);
    REQUIRE(recurrent_set_num_threads(1) == RECURRENT_OK);
  }
  int64_t before = recurrent_object_count();
  start();
  for (int calls = 0; at < end && calls < 200; calls++) functions[next() % (sizeof functions / sizeof *functions)]();
  for (int kind = 1; kind < KINDS; kind++) {
    for (int i = 0; i < counts[kind]; i++) release(kind, handles[kind][i]);
    counts[kind] = 0;
  }
  for (int i = 0; i < 2; i++) unlink(paths[i]);
  REQUIRE(recurrent_object_count() == before);
  return 0;
}
