/** Text and picture encoders of the transformers library that diffusion pipelines use. */
package io.jdit.textencoder;
