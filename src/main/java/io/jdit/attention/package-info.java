/**
 * Attention over the tokens of a sample, wherever they are, with the projections that lead to it:
 * backends here, compositions over several ranks elsewhere.
 */
package io.jdit.attention;
