// The functions of recurrent.h that stream.js needs, as an addon of Node.js (Node-API 8, no npm).
//
//     HEADERS=$(node -p 'path.resolve(process.execPath, "../../include/node")')
//     cc -shared -fPIC -I$HEADERS recurrent.c $(pkg-config --cflags --libs recurrent) -o recurrent.node

#define NAPI_VERSION 8
#include <node_api.h>
#include <recurrent.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARGUMENTS = 4, PART = 10 };

// The arguments of one call. Once a call has thrown, the following ones do nothing.
typedef struct {
  napi_env env;
  napi_value arguments[MAX_ARGUMENTS];
  char *texts[MAX_ARGUMENTS];
  int has_failed;
} call;

static void check_node(call *c, napi_status status) {
  if (status == napi_ok || c->has_failed) return;
  c->has_failed = 1;
  napi_throw_type_error(c->env, NULL, "the call has an argument of the wrong type");
}

// A failed call throws an Error with the sentence as message and the status as code.
static void check(call *c, recurrent_status status) {
  if (status == RECURRENT_OK || c->has_failed) return;
  char code[16];
  snprintf(code, sizeof code, "%d", (int)status);
  c->has_failed = 1;
  napi_throw_error(c->env, code, recurrent_last_error());
}

static call begin(napi_env env, napi_callback_info info) {
  call c = {.env = env};
  size_t count = MAX_ARGUMENTS;
  check_node(&c, napi_get_cb_info(env, info, &count, c.arguments, NULL, NULL));
  return c;
}

static napi_value end(call *c, napi_value result) {
  for (int i = 0; i < MAX_ARGUMENTS; i++) free(c->texts[i]);
  return c->has_failed ? NULL : result;
}

// An argument in UTF-8, which lives until the end of the call.
static const char *text(call *c, int i, int64_t *length) {
  size_t size = 0;
  *length = 0;
  check_node(c, napi_get_value_string_utf8(c->env, c->arguments[i], NULL, 0, &size));
  c->texts[i] = calloc(size + 1, 1);
  if (c->has_failed || !c->texts[i]) return "";
  check_node(c, napi_get_value_string_utf8(c->env, c->arguments[i], c->texts[i], size + 1, &size));
  *length = (int64_t)size;
  return c->texts[i];
}

static double number(call *c, int i) {
  double value = 0;
  check_node(c, napi_get_value_double(c->env, c->arguments[i], &value));
  return value;
}

// A handle as a value of JavaScript, which the garbage collector frees.
typedef struct {
  uint64_t handle;
  recurrent_status (*free)(uint64_t);
} object;

static void finalize(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  object *o = data;
  o->free(o->handle);
  free(o);
}

static napi_value wrap(call *c, uint64_t handle, recurrent_status (*release)(uint64_t)) {
  napi_value result = NULL;
  object *o = malloc(sizeof *o);
  if (c->has_failed || !o) return free(o), NULL;
  *o = (object){handle, release};
  check_node(c, napi_create_external(c->env, o, finalize, NULL, &result));
  return result;
}

static uint64_t handle(call *c, int i) {
  object *o = NULL;
  check_node(c, napi_get_value_external(c->env, c->arguments[i], (void **)&o));
  return o ? o->handle : 0;
}

static recurrent_random new_random(call *c, int i) {
  recurrent_random random = 0;
  const double seed = number(c, i);
  if (!c->has_failed) check(c, recurrent_random_create((uint64_t)seed, &random));
  return random;
}

// ---- The functions.

// createTextModel(settings, text, seed)
static napi_value create_text_model(napi_env env, napi_callback_info info) {
  call c = begin(env, info);
  int64_t settings_length, length;
  const char *settings = text(&c, 0, &settings_length), *corpus = text(&c, 1, &length);
  recurrent_random random = new_random(&c, 2);
  recurrent_text_model model = 0;
  if (!c.has_failed)
    check(&c, recurrent_text_model_create(settings, settings_length, &corpus, &length, 1, random, &model));
  recurrent_random_free(random);
  return end(&c, wrap(&c, model, recurrent_text_model_free));
}

// load(path)
static napi_value load(napi_env env, napi_callback_info info) {
  call c = begin(env, info);
  int64_t length;
  const char *path = text(&c, 0, &length);
  recurrent_text_model model = 0;
  if (!c.has_failed) check(&c, recurrent_text_model_load(path, length, &model));
  return end(&c, wrap(&c, model, recurrent_text_model_free));
}

// setOptimizer(model, settings)
static napi_value set_optimizer(napi_env env, napi_callback_info info) {
  call c = begin(env, info);
  int64_t length;
  const uint64_t model = handle(&c, 0);
  const char *settings = text(&c, 1, &length);
  recurrent_optimizer optimizer = 0;
  if (!c.has_failed) check(&c, recurrent_optimizer_create(settings, length, &optimizer));
  if (!c.has_failed) check(&c, recurrent_text_model_set_optimizer(model, optimizer));
  recurrent_optimizer_free(optimizer);
  return end(&c, NULL);
}

// encode(model, text): a BigInt64Array
static napi_value encode(napi_env env, napi_callback_info info) {
  call c = begin(env, info);
  int64_t length, count = 0;
  void *tokens = NULL;
  napi_value buffer = NULL, result = NULL;
  const uint64_t model = handle(&c, 0);
  const char *words = text(&c, 1, &length);
  check_node(&c, napi_create_arraybuffer(env, sizeof(int64_t) * (size_t)length, &tokens, &buffer));
  if (!c.has_failed)
    check(&c, recurrent_text_model_encode(model, words, length, RECURRENT_ERRORS_STRICT, 0, tokens, length, &count));
  if (!c.has_failed)
    check_node(&c, napi_create_typedarray(env, napi_bigint64_array, (size_t)count, buffer, 0, &result));
  return end(&c, result);
}

// train(model, tokens, learningRate): one sequence from its beginning; returns the loss
static napi_value train(napi_env env, napi_callback_info info) {
  call c = begin(env, info);
  napi_typedarray_type type = napi_int8_array;
  size_t count = 0;
  void *data = NULL;
  napi_value result = NULL;
  recurrent_step_result step = {0, 0, 0};
  const uint64_t model = handle(&c, 0);
  const double learning_rate = number(&c, 2);
  check_node(&c, napi_get_typedarray_info(env, c.arguments[1], &type, &count, &data, NULL, NULL));
  check_node(&c, type == napi_bigint64_array && count > 1 ? napi_ok : napi_invalid_arg);
  const int64_t *tokens = data;
  if (!c.has_failed) check(&c, recurrent_text_model_reset_state(model));
  if (!c.has_failed)
    check(&c, recurrent_text_model_train_step(model, tokens, tokens + 1, (int64_t)count - 1, 1, NULL, 0, 0,
                                              learning_rate, 0, 5,
                                              &step));
  check_node(&c, napi_create_double(env, step.loss, &result));
  return end(&c, result);
}

// createGenerator(model, settings, prompt, seed)
static napi_value create_generator(napi_env env, napi_callback_info info) {
  call c = begin(env, info);
  int64_t length, prompt_length;
  const uint64_t model = handle(&c, 0);
  const char *settings = text(&c, 1, &length), *prompt = text(&c, 2, &prompt_length);
  recurrent_random random = new_random(&c, 3);
  recurrent_generator generator = 0;
  if (!c.has_failed)
    check(&c, recurrent_generator_create_text(model, settings, length, prompt, prompt_length, random, &generator));
  recurrent_random_free(random);
  return end(&c, wrap(&c, generator, recurrent_generator_free));
}

// next(generator): a part of the text, of whole characters; null at the end
static napi_value next(napi_env env, napi_callback_info info) {
  call c = begin(env, info);
  char part[4 * (PART + 64)];
  int64_t length = 0;
  int32_t has_ended = 0;
  napi_value result = NULL;
  const uint64_t generator = handle(&c, 0);
  if (!c.has_failed)
    check(&c, recurrent_generator_next_characters(generator, PART, part, sizeof part, &length, &has_ended));
  if (has_ended && length == 0)
    check_node(&c, napi_get_null(env, &result));
  else
    check_node(&c, napi_create_string_utf8(env, part, (size_t)length, &result));
  return end(&c, result);
}

NAPI_MODULE_INIT() {
  const struct {
    const char *name;
    napi_callback function;
  } functions[] = {
      {"createTextModel", create_text_model}, {"load", load},
      {"setOptimizer", set_optimizer},        {"encode", encode},
      {"train", train},                       {"createGenerator", create_generator},
      {"next", next},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function) !=
            napi_ok ||
        napi_set_named_property(env, exports, functions[i].name, function) != napi_ok)
      return NULL;
  }
  return exports;
}
