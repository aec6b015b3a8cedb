/**
 * Text to token ids, the way transformers 5 does it: every tokenizer is a tokenizer.json
 * definition, read from the model folder or derived from older files, run by one engine.
 */
package io.jdit.tokenizer;
