/** Noise schedules and solvers. */
package io.jdit.scheduler;
