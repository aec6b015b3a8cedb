package io.jdit.engine.serve;

import io.jdit.pipeline.Parameters;
import java.util.function.Supplier;

/**
 * A model that requests can name.
 *
 * @param path as the user gave it
 * @param parameters what requests it takes
 * @param loader loads it
 */
public record ServedModel(
    String name, String path, Parameters parameters, Supplier<StepRunner> loader) {}
