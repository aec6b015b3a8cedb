/** JDiT: Diffusion Transformers on the JVM. */
package io.jdit;
