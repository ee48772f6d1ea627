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
CMD ["sh", "tools/run-service.sh", "service/dist/main.js"]
