package io.jdit.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What the hub says of a revision.
 *
 * @param commit that it stands for
 * @param files by name, those that would not stay inside the snapshot folder left out
 */
record RepositoryListing(String commit, Map<String, File> files) {
  /**
   * A file.
   *
   * @param size in bytes, -1 if unknown
   * @param etag name of its blob, empty if unknown
   */
  record File(long size, String etag) {}

  static RepositoryListing read(HubClient client, HubId id)
      throws IOException, InterruptedException {
    byte[] answer;
    try (InputStream in = client.revision(id).body()) {
      answer = in.readAllBytes();
    }
    JsonNode body;
    try {
      body = JsonMapper.shared().readTree(answer);
    } catch (JacksonException e) {
      // The page that asks to log in to a network, perhaps.
      throw new IOException(
          "the description of " + id + " " + Placeholder.of(answer).orElse("is not JSON"));
    }
    String commit = body.path("sha").asString("");
    if (!commit.matches("[0-9a-f]{40}")) {
      throw new HubException(
          client.endpoint()
              + " describes "
              + id
              + " with the commit \""
              + commit
              + "\", expected 40 hex digits");
    }
    Map<String, File> files = new LinkedHashMap<>();
    for (JsonNode sibling : body.path("siblings")) {
      String name = sibling.path("rfilename").asString("");
      if (isInside(name)) {
        JsonNode lfs = sibling.path("lfs");
        String etag = lfs.path("sha256").asString(sibling.path("blobId").asString(""));
        files.put(name, new File(sibling.path("size").asLong(-1), etag));
      }
    }
    return new RepositoryListing(commit, files);
  }

  /** Whether a file name stays inside the snapshot folder. */
  private static boolean isInside(String name) {
    Path path = Path.of(name.isEmpty() ? ".." : name);
    return !path.isAbsolute() && path.normalize().equals(path) && !path.startsWith("..");
  }
}
