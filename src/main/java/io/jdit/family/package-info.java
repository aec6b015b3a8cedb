/** The families of models, one package each, and the list of them that the engine looks into. */
package io.jdit.family;
