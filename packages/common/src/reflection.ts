import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import {
  type ServerReflectionRequest,
  ServerReflection,
} from "@apispool/contracts/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionV1Alpha } from "@apispool/contracts/grpc/reflection/v1alpha/reflection_pb.js";
import type { Implementation, SignalContext } from "./grpc-server.js";

/** The services by which clients ask a server what it serves, in both versions that clients speak. */
export const reflectionServices = [ServerReflection, ServerReflectionV1Alpha] as const;

type V1 = Implementation<(typeof ServerReflection)["method"], SignalContext>;
type V1Alpha = Implementation<(typeof ServerReflectionV1Alpha)["method"], SignalContext>;

/**
 * gRPC server reflection (grpc.reflection.v1 and v1alpha, whose messages are alike) over protobuf-es descriptors.
 * Lets grpcurl, buf curl and Postman work without a .proto file.
 */
export function reflectionService(services: readonly DescService[]): V1 & V1Alpha {
  const index = indexOf(services);
  const answer = (request: Pick<ServerReflectionRequest, "messageRequest">) => {
    const { messageRequest } = request;
    switch (messageRequest.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: services.map((s) => ({ name: s.typeName })) },
        } as const;
      case "fileByFilename":
        return files(index.byName.get(messageRequest.value), `no file ${messageRequest.value}`);
      case "fileContainingSymbol":
        return files(index.bySymbol.get(messageRequest.value), `no symbol ${messageRequest.value}`);
      case "fileContainingExtension":
      case "allExtensionNumbersOfType":
        return failure(Code.NotFound, "no extensions here");
      default:
        return failure(Code.InvalidArgument, "the request asks for nothing");
    }
  };
  async function* serverReflectionInfo(requests: AsyncIterable<never>) {
    for await (const request of requests as AsyncIterable<ServerReflectionRequest>) {
      yield { validHost: request.host, originalRequest: request as never, messageResponse: answer(request) };
    }
  }
  return { serverReflectionInfo } as V1 & V1Alpha;
}

/** A file and all that it imports, the imported ones first. */
function withDependencies(file: DescFile, seen = new Set<DescFile>()): DescFile[] {
  if (seen.has(file)) return [];
  seen.add(file);
  return [...file.dependencies.flatMap((dependency) => withDependencies(dependency, seen)), file];
}

function files(file: DescFile | undefined, message: string) {
  if (file === undefined) return failure(Code.NotFound, message);
  const fileDescriptorProto = withDependencies(file)
    .reverse()
    .map((f) => toBinary(FileDescriptorProtoSchema, f.proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } } as const;
}

function failure(errorCode: Code, errorMessage: string) {
  return { case: "errorResponse", value: { errorCode: errorCode as number, errorMessage } } as const;
}

function indexOf(services: readonly DescService[]): { byName: Map<string, DescFile>; bySymbol: Map<string, DescFile> } {
  const byName = new Map<string, DescFile>();
  const bySymbol = new Map<string, DescFile>();
  for (const file of services.flatMap((service) => withDependencies(service.file))) {
    byName.set(file.proto.name, file);
    for (const type of [...file.messages, ...file.enums]) addType(type.typeName, type, file);
    for (const service of file.services) {
      bySymbol.set(service.typeName, file);
      for (const method of service.methods) bySymbol.set(`${service.typeName}.${method.name}`, file);
    }
  }
  function addType(name: string, type: object, file: DescFile): void {
    bySymbol.set(name, file);
    const { nestedMessages = [], nestedEnums = [] } = type as Partial<DescFile["messages"][number]>;
    for (const nested of [...nestedMessages, ...nestedEnums]) addType(nested.typeName, nested, file);
  }
  return { byName, bySymbol };
}
