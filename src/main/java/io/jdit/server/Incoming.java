package io.jdit.server;

import io.javalin.http.Context;
import io.jdit.config.Catalog;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * What a request brought: a JSON object, or a form with files; the other is null.
 *
 * @param body JSON
 */
record Incoming(JsonNode body, Form form) {
  /**
   * @throws ApiException when it is neither
   */
  static Incoming of(Context ctx) {
    String type = ctx.header("Content-Type");
    return Form.is(type)
        ? new Incoming(null, Form.parse(type, ctx.bodyAsBytes()))
        : new Incoming(Json.body(ctx), null);
  }

  Fields fields(Catalog catalog) {
    return body == null ? Fields.of(form, catalog) : Fields.of(body, catalog);
  }

  List<Path> pictures(Pictures pictures, String id) {
    return body == null ? pictures.ofForm(form, id) : pictures.ofJson(body, id);
  }
}
