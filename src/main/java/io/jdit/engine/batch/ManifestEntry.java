package io.jdit.engine.batch;

import tools.jackson.databind.JsonNode;

/**
 * One finished picture.
 *
 * @param key of its {@link BatchItem}
 * @param line of the prompt file
 * @param image number of the picture within its item, from 0
 * @param path of the file, relative to the manifest's folder
 * @param sha256 of the file, in hexadecimal
 * @param seconds that its item took
 * @param finished time in ISO 8601
 * @param settings everything that decides what the picture looks like
 */
public record ManifestEntry(
    String key,
    int line,
    int image,
    String path,
    String sha256,
    double seconds,
    String finished,
    JsonNode settings) {}
