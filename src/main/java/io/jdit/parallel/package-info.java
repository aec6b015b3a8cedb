/**
 * One denoising loop on several ranks: process groups over c10d, the mesh that orders them, Ulysses
 * and ring attention, tensor-parallel linear layers, and the launcher of the worker processes.
 * Models do not know of it: everything here enters through the strategies that a model is built
 * with.
 */
package io.jdit.parallel;
