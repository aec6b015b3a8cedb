package io.jdit.server;

import io.javalin.http.Handler;
import io.javalin.http.HandlerType;
import io.jdit.config.Catalog;

/**
 * What is answered at an address, and how it is described.
 *
 * @param path with {@code {name}} for a part, {@code <name>} for one that may have slashes
 * @param fields of the interface that a body may have besides parameters; null without a body
 * @param pictures whether a body may bring pictures, and so be a form
 */
record Route(
    HandlerType method,
    String path,
    String summary,
    Catalog fields,
    boolean pictures,
    Handler handler) {
  static Route get(String path, String summary, Handler handler) {
    return new Route(HandlerType.GET, path, summary, null, false, handler);
  }

  static Route post(String path, String summary, Handler handler) {
    return new Route(HandlerType.POST, path, summary, null, false, handler);
  }

  static Route delete(String path, String summary, Handler handler) {
    return new Route(HandlerType.DELETE, path, summary, null, false, handler);
  }

  /** With a body of these fields and parameters, as JSON or as a form with pictures. */
  Route taking(Catalog catalog) {
    return new Route(method, path, summary, catalog, true, handler);
  }
}
