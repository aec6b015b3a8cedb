/** What is measured: times and memory of a run, what the machine leaves, distance of pictures. */
package io.jdit.metrics;
