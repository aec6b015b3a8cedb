package io.jdit.engine.serve;

import java.util.Map;

/**
 * What a request asks of the cache in place of the model's own settings.
 *
 * @param on whether there is one
 * @param settings keys of cache_config; empty for the serving profile
 */
public record CacheChoice(boolean on, Map<String, Object> settings) {}
