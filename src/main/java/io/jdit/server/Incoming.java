package io.jdit.server;

import io.javalin.http.Context;
import io.jdit.config.Catalog;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * What a request brought: a JSON object, or a form with files.
 *
 * @param body null for a form
 */
record Incoming(Context ctx, JsonNode body) {
  /**
   * @throws ApiException when it is neither
   */
  static Incoming of(Context ctx) {
    return new Incoming(ctx, ctx.isMultipart() ? null : Json.body(ctx));
  }

  Fields fields(Catalog catalog) {
    return body == null ? Fields.of(ctx.formParamMap(), catalog) : Fields.of(body, catalog);
  }

  List<Path> pictures(Pictures pictures, String id) {
    return body == null ? pictures.ofForm(ctx, id) : pictures.ofJson(body, id);
  }
}
