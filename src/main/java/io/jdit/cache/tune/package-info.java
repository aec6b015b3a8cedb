/**
 * Search for the cache settings that give the most speed at a quality, or the most quality at a
 * speed. {@link io.jdit.cache.tune.Tuner} knows models only as {@link
 * io.jdit.cache.tune.TuningModel}.
 */
package io.jdit.cache.tune;
