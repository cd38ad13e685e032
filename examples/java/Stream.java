// Trains a text model, streams text of a model that Python has trained, and reads the sentence of an error. Java 22.
//
//     java --enable-native-access=ALL-UNNAMED Stream.java model.safetensors [prompt]

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Consumer;

public final class Stream {
  /** A failed call: its status, and its sentence as the message. */
  static final class RecurrentException extends RuntimeException {
    private static final long serialVersionUID = 1;
    final int status;

    RecurrentException(int status, String sentence) {
      super(sentence);
      this.status = status;
    }
  }

  /** The functions of recurrent.h that this program needs. */
  static final class Library {
    private static final Linker linker = Linker.nativeLinker();
    private static final SymbolLookup symbols =
        SymbolLookup.libraryLookup(System.mapLibraryName("recurrent"), Arena.global());
    private static final MethodHandle lastError = find("last_error", FunctionDescriptor.of(ADDRESS));
    private static final MethodHandle objectCount = find("object_count", FunctionDescriptor.of(JAVA_LONG));

    static final MethodHandle randomCreate = function("random_create", JAVA_LONG, ADDRESS);
    static final MethodHandle randomFree = function("random_free", JAVA_LONG);
    static final MethodHandle optimizerCreate = function("optimizer_create", ADDRESS, JAVA_LONG, ADDRESS);
    static final MethodHandle optimizerFree = function("optimizer_free", JAVA_LONG);
    static final MethodHandle textModelCreate =
        function("text_model_create", ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle textModelFree = function("text_model_free", JAVA_LONG);
    static final MethodHandle textModelLoad = function("text_model_load", ADDRESS, JAVA_LONG, ADDRESS);
    static final MethodHandle textModelSetOptimizer = function("text_model_set_optimizer", JAVA_LONG, JAVA_LONG);
    static final MethodHandle textModelEncode = function(
        "text_model_encode", JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS);
    static final MethodHandle textModelResetState = function("text_model_reset_state", JAVA_LONG);
    static final MethodHandle textModelTrainStep = function(
        "text_model_train_step", JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG,
        JAVA_DOUBLE, JAVA_DOUBLE, JAVA_DOUBLE, ADDRESS);
    static final MethodHandle generatorCreateText = function(
        "generator_create_text", JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle generatorFree = function("generator_free", JAVA_LONG);
    static final MethodHandle generatorNextCharacters =
        function("generator_next_characters", JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS);

    private static MethodHandle find(String name, FunctionDescriptor type) {
      return linker.downcallHandle(symbols.find("recurrent_" + name).orElseThrow(), type);
    }

    private static MethodHandle function(String name, MemoryLayout... parameters) {
      return find(name, FunctionDescriptor.of(JAVA_INT, parameters));
    }

    /** Calls a function that returns a status. The last error belongs to the thread. */
    static void call(MethodHandle function, Object... arguments) {
      try {
        int status = (int) function.invokeWithArguments(arguments);
        if (status != 0) {
          MemorySegment sentence = (MemorySegment) lastError.invokeExact();
          throw new RecurrentException(status, sentence.reinterpret(Long.MAX_VALUE).getString(0));
        }
      } catch (RuntimeException | Error e) {
        throw e;
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }

    /** Calls a function whose last argument receives a handle. */
    static long create(Arena arena, MethodHandle function, Object... arguments) {
      MemorySegment handle = arena.allocate(JAVA_LONG);
      Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
      all[arguments.length] = handle;
      call(function, all);
      return handle.get(JAVA_LONG, 0);
    }

    static long objectCount() throws Throwable {
      return (long) objectCount.invokeExact();
    }
  }

  /** A text in the memory of a call. */
  record Text(MemorySegment bytes, long length) {
    Text(Arena arena, String text) {
      this(arena.allocateFrom(text), text.getBytes(StandardCharsets.UTF_8).length);
    }
  }

  /** A network with its tokenizer. */
  static final class TextModel implements AutoCloseable {
    private final long handle;

    /** Creates a model with the vocabulary of a text. */
    TextModel(String settings, String text, long seed) {
      try (Arena arena = Arena.ofConfined()) {
        Text options = new Text(arena, settings), own = new Text(arena, text);
        MemorySegment texts = arena.allocateFrom(ADDRESS, own.bytes());
        MemorySegment lengths = arena.allocateFrom(JAVA_LONG, own.length());
        long random = Library.create(arena, Library.randomCreate, seed);
        try {
          handle = Library.create(
              arena, Library.textModelCreate, options.bytes(), options.length(), texts, lengths, 1L, random);
        } finally {
          Library.call(Library.randomFree, random);
        }
      }
    }

    /** Reads a checkpoint. */
    TextModel(String path) {
      try (Arena arena = Arena.ofConfined()) {
        Text name = new Text(arena, path);
        handle = Library.create(arena, Library.textModelLoad, name.bytes(), name.length());
      }
    }

    void setOptimizer(String settings) {
      try (Arena arena = Arena.ofConfined()) {
        Text options = new Text(arena, settings);
        long optimizer = Library.create(arena, Library.optimizerCreate, options.bytes(), options.length());
        try {
          Library.call(Library.textModelSetOptimizer, handle, optimizer);
        } finally {
          Library.call(Library.optimizerFree, optimizer);
        }
      }
    }

    long[] encode(String text) {
      try (Arena arena = Arena.ofConfined()) {
        Text own = new Text(arena, text);
        MemorySegment tokens = arena.allocate(JAVA_LONG, own.length()), count = arena.allocate(JAVA_LONG);
        Library.call(Library.textModelEncode, handle, own.bytes(), own.length(), 0, 0, tokens, own.length(), count);
        return tokens.asSlice(0, 8 * count.get(JAVA_LONG, 0)).toArray(JAVA_LONG);
      }
    }

    /** Trains on one sequence from its beginning; returns the loss. */
    double train(long[] tokens, double learningRate) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment input = arena.allocateFrom(JAVA_LONG, tokens), result = arena.allocate(JAVA_DOUBLE, 3);
        Library.call(Library.textModelResetState, handle);
        Library.call(
            Library.textModelTrainStep, handle, input, input.asSlice(8), tokens.length - 1L, 1L,
            MemorySegment.NULL, 0L, 0L, learningRate, 0.0, 5.0, result);
        return result.get(JAVA_DOUBLE, 0);
      }
    }

    /** Passes the parts of a text to a function, each of whole characters. */
    void stream(String settings, String prompt, long seed, Consumer<String> part) {
      try (Arena arena = Arena.ofConfined()) {
        final long size = 10, capacity = 4 * (size + 64);
        Text options = new Text(arena, settings), start = new Text(arena, prompt);
        MemorySegment text = arena.allocate(capacity), length = arena.allocate(JAVA_LONG);
        MemorySegment hasEnded = arena.allocate(JAVA_INT);
        long random = Library.create(arena, Library.randomCreate, seed), generator = 0;
        try {
          generator = Library.create(
              arena, Library.generatorCreateText, handle, options.bytes(), options.length(), start.bytes(),
              start.length(), random);
          while (hasEnded.get(JAVA_INT, 0) == 0) {
            Library.call(Library.generatorNextCharacters, generator, size, text, capacity, length, hasEnded);
            byte[] bytes = text.asSlice(0, length.get(JAVA_LONG, 0)).toArray(JAVA_BYTE);
            part.accept(new String(bytes, StandardCharsets.UTF_8));
          }
        } finally {
          Library.call(Library.generatorFree, generator);
          Library.call(Library.randomFree, random);
        }
      }
    }

    @Override
    public void close() {
      Library.call(Library.textModelFree, handle);
    }
  }

  public static void main(String[] arguments) throws Throwable {
    if (arguments.length < 1) {
      System.err.println("usage: Stream model.safetensors [prompt]");
      System.exit(2);
    }
    String text = "hello help", prompt = arguments.length > 1 ? arguments[1] : "";
    try (TextModel model = new TextModel("{\"cell\": \"lstm\", \"hidden_sizes\": [20]}", text, 7)) {
      model.setOptimizer("{\"name\": \"adam\"}");
      long[] tokens = model.encode(text);
      double loss = 0;
      for (int step = 0; step < 100; step++) loss = model.train(tokens, 0.01);
      System.out.printf(Locale.ROOT, "loss %.6f%n", loss);

      try (TextModel trained = new TextModel(arguments[0])) {
        System.out.print(prompt);
        trained.stream("{\"temperature\": 0.8, \"max_tokens\": 120}", prompt, 7, System.out::print);
        System.out.println();
      }
      try {
        model.encode("hexagon");
      } catch (RecurrentException e) {
        System.out.println("status " + e.status + ": " + e.getMessage());
      }
    }
    System.exit(Library.objectCount() == 0 ? 0 : 1);
  }
}
