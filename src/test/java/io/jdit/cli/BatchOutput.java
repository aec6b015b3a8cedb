package io.jdit.cli;

import io.jdit.engine.batch.Manifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a batch left in its output folder. */
record BatchOutput(Path folder) {
  /** Name of each picture to the SHA-256 of its file. */
  Map<String, String> pictures() throws IOException {
    Map<String, String> map = new TreeMap<>();
    if (Files.isDirectory(folder)) {
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.filter(f -> f.toString().endsWith(".png")).toList()) {
          map.put(file.getFileName().toString(), Manifest.sha256(file));
        }
      }
    }
    return map;
  }

  /** Path in the manifest to the SHA-256 of each of its lines. */
  Map<String, List<String>> manifest() throws IOException {
    Map<String, List<String>> map = new TreeMap<>();
    for (String line : Files.readAllLines(folder.resolve(Manifest.FILE_NAME))) {
      JsonNode entry = JsonMapper.shared().readTree(line);
      map.computeIfAbsent(entry.path("path").asString(), p -> new ArrayList<>())
          .add(entry.path("sha256").asString());
    }
    return map;
  }
}
