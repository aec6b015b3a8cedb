/**
 * Cache acceleration of Diffusion Transformers after Cache-DiT. {@link io.jdit.cache.CacheKeys}
 * declares the settings, {@link io.jdit.cache.ResolvedCacheConfig} puts file, environment and
 * options together, {@link io.jdit.cache.CacheConfig} says for one block group what may be skipped.
 * A {@link io.jdit.cache.BlockCache} is the state of one generation and expert: {@link
 * io.jdit.cache.CacheContext} decides call by call, {@link io.jdit.cache.DualBlockCache} and {@link
 * io.jdit.cache.DynamicBlockPrune} run the blocks, a {@link io.jdit.cache.Calibrator} forecasts
 * what was skipped.
 *
 * <p>Terms: F and B are the numbers of first and last blocks that always run; a step is one
 * denoising step; with separate CFG each step has two calls, one per {@link
 * io.jdit.cache.CacheBranch}.
 */
package io.jdit.cache;
