package io.jdit.server;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A request that is answered with an error: {@code detail} as SGLang's clients read it, and {@code
 * error} as OpenAI's do.
 */
final class ApiException extends RuntimeException {
  private final int status;
  private final String param;
  private final String code;
  private final boolean listed;
  private long retrySeconds;

  private ApiException(int status, String message, String param, String code, boolean listed) {
    super(message);
    this.status = status;
    this.param = param;
    this.code = code;
    this.listed = listed;
  }

  /** A value that cannot be used. */
  static ApiException badRequest(String message, String param) {
    return new ApiException(400, message, param, "invalid_value", false);
  }

  static ApiException unauthorized(String message) {
    return new ApiException(401, message, null, "invalid_api_key", false);
  }

  static ApiException notFound(String message) {
    return new ApiException(404, message, null, "not_found", false);
  }

  static ApiException tooLarge(String message) {
    return new ApiException(413, message, null, "too_large", false);
  }

  /** A field that is missing or of another type: the detail is a list, one entry for each. */
  static ApiException invalid(String message, String param) {
    return new ApiException(422, message, param, "invalid_type", true);
  }

  static ApiException busy(String message, long retrySeconds) {
    ApiException e = new ApiException(429, message, null, "queue_full", false);
    e.retrySeconds = retrySeconds;
    return e;
  }

  static ApiException failed(String message) {
    return new ApiException(500, message, null, "generation_failed", false);
  }

  static ApiException notBuilt(String message) {
    return new ApiException(501, message, null, "not_implemented", false);
  }

  static ApiException unavailable(String message) {
    return new ApiException(503, message, null, "unavailable", false);
  }

  /** Of the router: no such route or method. */
  static ApiException of(int status, String message) {
    return new ApiException(
        status, message, null, status == 404 ? "not_found" : "invalid_request", false);
  }

  /** The same with another status, where a route says it otherwise. */
  ApiException withStatus(int other) {
    return new ApiException(other, getMessage(), param, code, listed && other == 422);
  }

  int status() {
    return status;
  }

  /** 0 for none. */
  long retrySeconds() {
    return retrySeconds;
  }

  Map<String, Object> body() {
    Map<String, Object> error = new LinkedHashMap<>();
    error.put("message", getMessage());
    error.put("type", status < 500 ? "invalid_request_error" : "server_error");
    error.put("param", param);
    error.put("code", code);
    Map<String, Object> body = new LinkedHashMap<>();
    body.put("detail", listed ? List.of(entry()) : getMessage());
    body.put("error", error);
    return body;
  }

  private Map<String, Object> entry() {
    return Map.of(
        "loc",
        param == null ? List.of("body") : List.of("body", param),
        "msg",
        getMessage(),
        "type",
        "value_error");
  }
}
