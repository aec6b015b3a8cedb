package io.jdit.server;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.jdit.media.PictureReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/**
 * Pictures that requests bring, as files of names that the server chooses. What they are is judged
 * by their content; a name or type that the client gives them means nothing.
 */
final class Pictures {
  private static final int MOST = 16;

  private final Path folder;
  private final long pixels;
  private final PictureDownload download; // null where addresses are not taken

  /**
   * @param folder where they are kept with the results
   */
  Pictures(Path folder, long pixels, PictureDownload download) {
    this.folder = folder;
    this.pixels = pixels;
    this.download = download;
  }

  /**
   * The pictures of a form in their order; a part may also be a data URL or an address as text.
   *
   * @throws ApiException when one is no picture, or too large
   */
  List<Path> ofForm(Form form, String id) {
    List<Path> saved = new ArrayList<>();
    try {
      for (Form.Part part : form.parts()) {
        String name = part.name();
        byte[] content = part.content();
        if (ApiKeys.PICTURES.contains(name) && content.length > 0) {
          String start = new String(content, 0, Math.min(8, content.length), US_ASCII);
          boolean text = start.startsWith("http") || start.startsWith("data:");
          saved.add(
              text
                  ? ofText(new String(content, US_ASCII), name, id, saved.size())
                  : save(content, id, saved.size()));
        }
      }
      return saved;
    } catch (IOException e) {
      delete(saved);
      throw ApiException.failed("a picture of the request cannot be stored: " + e.getMessage());
    } catch (ApiException e) {
      delete(saved);
      throw e;
    }
  }

  /** The pictures of a JSON object: data URLs, base64, or addresses where those are taken. */
  List<Path> ofJson(JsonNode body, String id) {
    List<Path> saved = new ArrayList<>();
    try {
      for (String name : ApiKeys.PICTURES) {
        JsonNode node = body.get(name);
        if (node == null || node.isNull()) {
          continue;
        }
        for (JsonNode item : node.isArray() ? node : List.of(node)) {
          JsonNode text = item.isObject() ? first(item, "image_url", "url") : item;
          if (text == null || !text.isString()) {
            throw ApiException.invalid(name + ": expected a data URL", name);
          }
          saved.add(ofText(text.stringValue(), name, id, saved.size()));
        }
      }
      return saved;
    } catch (IOException e) {
      delete(saved);
      throw ApiException.failed("a picture of the request cannot be stored: " + e.getMessage());
    } catch (ApiException e) {
      delete(saved);
      throw e;
    }
  }

  private static JsonNode first(JsonNode object, String... names) {
    return Stream.of(names).map(object::get).filter(n -> n != null).findFirst().orElse(null);
  }

  private Path ofText(String text, String field, String id, int index) throws IOException {
    if (text.startsWith("http://") || text.startsWith("https://")) {
      if (download == null) {
        throw ApiException.badRequest(
            field
                + ": this server fetches no addresses: send the picture as a file or data URL, or"
                + " start it with --allow-urls",
            field);
      }
      return save(download.fetch(text, field), id, index);
    }
    if (!text.startsWith("data:")) {
      throw ApiException.badRequest(
          field + ": expected a file, a data URL (data:image/png;base64,...) or an address", field);
    }
    int comma = text.indexOf(',');
    if (comma < 0 || !text.substring(0, comma).endsWith(";base64")) {
      throw ApiException.badRequest(field + ": expected a data URL in base64", field);
    }
    try {
      return save(Base64.getMimeDecoder().decode(text.substring(comma + 1)), id, index);
    } catch (IllegalArgumentException e) {
      throw ApiException.badRequest(field + ": damaged base64: " + e.getMessage(), field);
    }
  }

  private Path save(byte[] bytes, String id, int index) throws IOException {
    if (index >= MOST) {
      throw ApiException.badRequest("at most " + MOST + " pictures", "image");
    }
    Files.createDirectories(folder);
    Path file = folder.resolve(id + ".input" + index);
    Files.write(file, bytes);
    try {
      synchronized (this) { // decoded, a picture is many times as large: one at a time
        PictureReader.read(file, pixels);
      }
      return file;
    } catch (IOException | RuntimeException e) {
      Files.deleteIfExists(file);
      String reason = e.getMessage() == null ? "unreadable" : e.getMessage();
      throw ApiException.badRequest(
          "picture " + (index + 1) + ": " + reason.replace(file + ": ", ""), "image");
    }
  }

  static void delete(List<Path> files) {
    for (Path file : files) {
      try {
        Files.deleteIfExists(file);
      } catch (IOException e) {
        // It goes with the folder.
      }
    }
  }
}
