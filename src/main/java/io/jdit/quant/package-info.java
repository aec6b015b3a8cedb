/**
 * Linear layers with weights of 8 and 4 bits: types and their arithmetic, which layers get which,
 * and what is said about it.
 */
package io.jdit.quant;
