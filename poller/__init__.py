"""From CloudWatch, files and webhooks to pages and lines. Knows neither the engine nor the rules."""
