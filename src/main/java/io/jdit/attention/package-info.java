/** Attention backends and their composition. */
package io.jdit.attention;
