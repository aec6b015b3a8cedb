/**
 * Where the weights of a model are and when: components for their stages, layers while they run.
 */
package io.jdit.offload;
