package io.jdit.cli;

import java.nio.file.Path;

/** A written picture and the seed of its noise. */
record SavedImage(Path path, long seed) {}
