/**
 * HTTP: the routes of OpenAI's interface for pictures and videos as SGLang serves them, the page,
 * metrics. Reads requests, writes answers, computes nothing.
 */
package io.jdit.server;
