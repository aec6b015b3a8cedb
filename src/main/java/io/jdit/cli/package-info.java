/** The command line: one class per command, options shared through mixins. */
package io.jdit.cli;
