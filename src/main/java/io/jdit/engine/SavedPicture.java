package io.jdit.engine;

import java.math.BigInteger;
import java.nio.file.Path;

/** A written picture and the seed of its noise. */
public record SavedPicture(Path path, BigInteger seed) {}
