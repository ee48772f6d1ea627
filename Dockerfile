# One image per service: docker build --build-arg SERVICE=gateway .   (ingestor, reader, store, gateway or demo-api)

# Every package is built once, whichever service is asked for: this stage does not depend on SERVICE, so it is shared.
FROM node:24-slim AS build
WORKDIR /app
COPY . .
# Without install scripts: they bring a Node for machines that have an old one, and tools that the build does not use.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
RUN node node_modules/typescript/bin/tsc -b && node tools/kernels.mjs && node tools/build-console.mjs && node tools/build-docs.mjs

# The one service with what it needs: its own packages, theirs, and nothing for development.
FROM build AS service
ARG SERVICE
RUN --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --ignore-scripts --no-audit --no-fund --workspace="@apispool/${SERVICE:?say which one: --build-arg SERVICE=gateway}"
RUN sh tools/collect-service.sh "$SERVICE" /out

FROM node:24-slim
ARG SERVICE
ENV NODE_ENV=production SERVICE=$SERVICE
WORKDIR /app
# Owned by root, run by somebody else: the process cannot change its own code.
COPY --from=service /out .
# Where a volume for the store's files goes; a new one takes over whose it is.
RUN mkdir -p /var/lib/apispool && chown 1000:1000 /var/lib/apispool
# The user "node", by its number: Kubernetes cannot tell of a name that it is not root.
USER 1000:1000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["node", "tools/healthcheck.mjs"]
# kafkajs gives a timer a negative delay; Node 24 says so once, and it does no harm (tulios/kafkajs#1751).
# Records pass through as young objects, whose garbage V8 lets grow to twice the memory at its default.
# Of what lives longer, too, and an ingestor with a large answer passes on much of it: there V8 looks sooner, as with npm start.
CMD ["sh", "-c", "exec node $(test \"$SERVICE\" != ingestor || echo --heap-growing-percent=60) --max-semi-space-size=8 --enable-source-maps --disable-warning=TimeoutNegativeWarning service/dist/main.js"]
