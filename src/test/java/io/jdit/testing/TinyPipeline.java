package io.jdit.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** A private copy of a tiny pipeline that a test may break. */
public record TinyPipeline(Path folder) {
  /** Copies {@code fixtures/NAME/pipeline} to {@code target}. */
  public static TinyPipeline copy(String name, Path target) {
    return of(Fixture.ROOT.resolve(name).resolve("pipeline"), target);
  }

  /** Copies any folder. */
  public static TinyPipeline of(Path source, Path target) {
    try (Stream<Path> files = Files.walk(source)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Path to = target.resolve(source.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(to);
        } else {
          Files.copy(file, to);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new TinyPipeline(target);
  }

  /** Replaces a component by a folder. */
  public TinyPipeline with(String component, Path source) {
    try (Stream<Path> files = Files.list(resolve(component))) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.delete(file);
      }
      Files.delete(resolve(component));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    of(source, resolve(component));
    return this;
  }

  public Path resolve(String file) {
    return folder.resolve(file);
  }

  /** Replaces text in a file, which must contain it. */
  public void edit(String file, String from, String to) {
    try {
      String text = Files.readString(resolve(file), StandardCharsets.UTF_8);
      if (!text.contains(from)) {
        throw new IllegalArgumentException(file + " does not contain " + from);
      }
      Files.writeString(resolve(file), text.replace(from, to));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
