package io.jdit.engine.serve;

import java.util.List;
import java.util.Map;

/**
 * What a generation made.
 *
 * @param files names in the target's folder, one for each output
 * @param views names of small pictures of each output: of a video, some of its frames
 * @param notes what the user should know, for example a prompt that was cut
 * @param settings all that decides what the outputs look like, by name
 * @param stages milliseconds of text_encode, denoise, decode and save
 * @param steps milliseconds of each denoising step, those that it shared with others included whole
 * @param cache what the cache did; empty without one
 * @param textTokens positions of the prompt that the model attended to
 * @param outputTokens positions of the latents, of all outputs
 * @param peakBytes largest memory in use
 */
public record Finished(
    List<String> files,
    List<String> views,
    List<String> notes,
    Map<String, Object> settings,
    Map<String, Double> stages,
    List<Double> steps,
    Map<String, Object> cache,
    long textTokens,
    long outputTokens,
    long peakBytes) {}
