// SPDX-License-Identifier: MIT OR Apache-2.0
// Swagger UI over the server's own description.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#interface", deepLinking: true, tryItOutEnabled: true,
  presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout", validatorUrl: null });
