-- Trains a text model, streams text of a model that Python has trained, and reads the sentence of an error.
--
--     luajit stream.lua model.safetensors [prompt]

local ffi = require("ffi")

-- the declarations of recurrent.h that this program needs
ffi.cdef [[
  typedef struct { double loss, gradient_norm, ratio_clipped; } recurrent_step_result;
  const char *recurrent_last_error(void);
  int64_t recurrent_object_count(void);
  int32_t recurrent_random_create(uint64_t seed, uint64_t *random);
  int32_t recurrent_random_free(uint64_t random);
  int32_t recurrent_optimizer_create(const char *settings, int64_t length, uint64_t *optimizer);
  int32_t recurrent_optimizer_free(uint64_t optimizer);
  int32_t recurrent_text_model_create(const char *settings, int64_t settings_length, const char *const *texts,
                                      const int64_t *lengths, int64_t count, uint64_t random, uint64_t *model);
  int32_t recurrent_text_model_free(uint64_t model);
  int32_t recurrent_text_model_load(const char *path, int64_t length, uint64_t *model);
  int32_t recurrent_text_model_set_optimizer(uint64_t model, uint64_t optimizer);
  int32_t recurrent_text_model_encode(uint64_t model, const char *text, int64_t length, int32_t errors,
                                      uint32_t replacement, int64_t *tokens, int64_t capacity, int64_t *count);
  int32_t recurrent_text_model_reset_state(uint64_t model);
  int32_t recurrent_text_model_train_step(uint64_t model, const int64_t *tokens, const int64_t *targets, int64_t T,
                                          int64_t B, const int64_t *resets, int64_t bptt_length, int64_t overlap,
                                          double learning_rate, double weight_decay, double clip,
                                          recurrent_step_result *result);
  int32_t recurrent_generator_create_text(uint64_t model, const char *settings, int64_t settings_length,
                                          const char *prompt, int64_t prompt_length, uint64_t random,
                                          uint64_t *generator);
  int32_t recurrent_generator_free(uint64_t generator);
  int32_t recurrent_generator_next_characters(uint64_t generator, int64_t max_tokens, char *text, int64_t capacity,
                                              int64_t *length, int32_t *has_ended);
]]
local lib = ffi.load("recurrent")

-- Raises a table with the status and the sentence of a failed call.
local function check(status)
  if status ~= 0 then
    error({ status = status, sentence = ffi.string(lib.recurrent_last_error()) }, 0)
  end
end

-- A handle, in an array of one that the garbage collector frees.
local function handle(free, create, ...)
  local out = ffi.new("uint64_t[1]")
  local arguments = { ... }
  arguments[#arguments + 1] = out
  check(create(unpack(arguments)))
  return ffi.gc(out, function(h) free(h[0]) end)
end

local function encode(model, text)
  local tokens, count = ffi.new("int64_t[?]", #text), ffi.new("int64_t[1]")
  check(lib.recurrent_text_model_encode(model[0], text, #text, 0, 0, tokens, #text, count))
  return tokens, tonumber(count[0])
end

local function train()
  local text, settings, adam = "hello help", '{"cell": "lstm", "hidden_sizes": [20]}', '{"name": "adam"}'
  local texts, lengths = ffi.new("const char *[1]", { text }), ffi.new("int64_t[1]", #text)
  local random = handle(lib.recurrent_random_free, lib.recurrent_random_create, 7)
  local model = handle(lib.recurrent_text_model_free, lib.recurrent_text_model_create, settings, #settings, texts,
    lengths, 1, random[0])
  local optimizer = handle(lib.recurrent_optimizer_free, lib.recurrent_optimizer_create, adam, #adam)
  check(lib.recurrent_text_model_set_optimizer(model[0], optimizer[0]))
  local tokens, count = encode(model, text)
  local result = ffi.new("recurrent_step_result")
  for _ = 1, 100 do
    check(lib.recurrent_text_model_reset_state(model[0]))
    check(lib.recurrent_text_model_train_step(model[0], tokens, tokens + 1, count - 1, 1, nil, 0, 0, 0.01, 0, 5, result))
  end
  print(("loss %.6f"):format(result.loss))
  return model
end

-- An iterator over the parts of a text.
local function parts(model, settings, prompt, seed)
  local size = 10
  local random = handle(lib.recurrent_random_free, lib.recurrent_random_create, seed)
  local generator = handle(lib.recurrent_generator_free, lib.recurrent_generator_create_text, model[0], settings,
    #settings, prompt, #prompt, random[0])
  local capacity = 4 * (size + 64)
  local text, length, has_ended = ffi.new("char[?]", capacity), ffi.new("int64_t[1]"), ffi.new("int32_t[1]")
  return function()
    if has_ended[0] == 0 then
      check(lib.recurrent_generator_next_characters(generator[0], size, text, capacity, length, has_ended))
      return ffi.string(text, length[0])
    end
  end
end

local path, prompt = arg[1], arg[2] or ""
if not path then
  io.stderr:write("usage: stream.lua model.safetensors [prompt]\n")
  os.exit(2)
end

local model = train()
local trained = handle(lib.recurrent_text_model_free, lib.recurrent_text_model_load, path, #path)
io.write(prompt)
for part in parts(trained, '{"temperature": 0.8, "max_tokens": 120}', prompt, 7) do
  io.write(part)
  io.flush()
end
print()

local _, failure = pcall(encode, model, "hexagon")
print(("status %d: %s"):format(failure.status, failure.sentence))

model, trained = nil, nil
collectgarbage()
collectgarbage()
os.exit(lib.recurrent_object_count() == 0 and 0 or 1)
