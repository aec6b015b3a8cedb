/**
 * What was found out, for people: tables, plots of characters, and HTML pages that need nothing
 * else. Sees results and computes no pictures; nothing below it knows it.
 */
package io.jdit.report;
