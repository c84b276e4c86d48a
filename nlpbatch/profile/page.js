for (const [name, spec] of Object.entries(specs)) {
  vegaEmbed(`#${name}`, spec, { actions: false, renderer: "svg" });
}
