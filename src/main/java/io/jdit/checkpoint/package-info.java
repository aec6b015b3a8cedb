/**
 * Model folders and checkpoints: safetensors files, shards, configs, and the Hugging Face cache.
 */
package io.jdit.checkpoint;
