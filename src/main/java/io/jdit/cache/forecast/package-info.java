/**
 * A cache that keeps what the transformer gave, the velocity, and forecasts it: a step from this
 * cache runs no block at all. {@link io.jdit.cache.forecast.ForecastProfile} is what a calibration
 * found out about a model with certain settings, {@link io.jdit.cache.forecast.ErrorModel} what it
 * says of forecasts, {@link io.jdit.cache.forecast.Planner} which steps are worth computing, and
 * {@link io.jdit.cache.forecast.ForecastCache} the state of one generation and expert.
 */
package io.jdit.cache.forecast;
