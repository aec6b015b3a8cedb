package io.jdit.pipeline;

/**
 * A picture.
 *
 * @param rgb 8 bits per channel, row by row, red green blue
 */
public record Image(int width, int height, byte[] rgb) {}
