package io.jdit.engine.batch;

import java.io.IOException;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * An item with everything that decides what its pictures look like, the model's defaults included.
 *
 * @param settings what the manifest records and is compared with
 */
public record BatchTask(BatchItem item, JsonNode settings) {
  /** Settings by name, in the form that they have when a manifest is read. */
  public static BatchTask of(BatchItem item, Map<String, Object> settings) {
    JsonMapper json = JsonMapper.shared();
    // Through text: a number's node type depends on where it came from, and equality on that.
    return new BatchTask(item, json.readTree(json.writeValueAsString(settings)));
  }

  /** Whether the manifest proves that every picture is there. */
  public boolean done(Manifest manifest) throws IOException {
    for (String name : item.fileNames()) {
      if (!manifest.proves(name, settings)) {
        return false;
      }
    }
    return true;
  }
}
