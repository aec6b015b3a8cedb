/**
 * Reading of configuration at the edge: YAML and JSON documents, typed values, and errors that name
 * the key, what was found and what is expected. Knows no other package of JDiT.
 */
package io.jdit.config;
